"""Routes of webhooks: who is told what happened."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from ryorin.contexts.webhooks.commands import PutWebhook, RemoveWebhook
from ryorin.contexts.webhooks.queries import WEBHOOKS_MODEL, ListWebhooks
from ryorin.contexts.webhooks.specs import WebhookSpec
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1/webhooks", tags=["administration"])
SETTLED = (WEBHOOKS_MODEL,)

WebhookName = Annotated[str, Path(max_length=200, examples=["pager"])]


class WebhookBody(Body):
    """An address that is told of some events."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://pager.example.com/ryorin",
                    "events": ["traffic.objective_level_changed", "evaluation.*"],
                    "secret": "env:RYORIN_SECRET_PAGER",
                }
            ]
        }
    )

    url: str
    events: list[str] = Field(description="Types of events, or CONTEXT.*")
    secret: str = Field(description="Where the signing secret is: env:RYORIN_SECRET_NAME or file:NAME")


@router.get("")
async def list_webhooks(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Webhooks by name."""
    return {"webhooks": to_json(await caller.ask(ListWebhooks(), demand))}


@router.put("/{webhook}")
async def put_webhook(
    webhook: WebhookName, body: WebhookBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Tell somebody of events; each message is signed (Standard Webhooks) and tried for about a day."""
    command = PutWebhook(webhook=webhook, spec=WebhookSpec(body.url, tuple(body.events), body.secret))
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/{webhook}")
async def remove_webhook(webhook: WebhookName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Tell somebody no more."""
    return Written(**await caller.send_and_settle(RemoveWebhook(webhook=webhook), SETTLED, key))
