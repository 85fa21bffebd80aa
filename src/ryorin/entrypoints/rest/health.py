"""Routes for those who watch over the server: alive, ready, figures."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from ryorin.entrypoints.rest.context import ServicesNeeded
from ryorin.kernel.codec import to_json

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Something is missing"}})
async def readyz(services: ServicesNeeded) -> JSONResponse:
    """Everything the server cannot do without answers too."""
    checks = await services.checks()
    ready = all(check.ok for check in checks if check.needed)
    body = {"status": "ready" if ready else "not ready", "checks": to_json(checks)}
    return JSONResponse(body, status_code=200 if ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(services: ServicesNeeded) -> Response:
    """Figures in Prometheus' text format, command side and query side apart."""
    return Response(await services.metrics(), media_type="text/plain; version=0.0.4")
