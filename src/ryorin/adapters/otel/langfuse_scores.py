"""Scores of answers to Langfuse, on the traces that it was sent (langfuse.com/docs/evaluation, "Scores via API/SDK").

OTLP has no scores: they are events of spans (`gen_ai.evaluation.result`), which Langfuse shows as events. Its API for
scores takes the ids of trace and observation, which are those of the span.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

import httpx
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

logger = logging.getLogger(__name__)

EVENT = "gen_ai.evaluation.result"
TIMEOUT_SECONDS = 10.0


class LangfuseScores(SpanExporter):
    """Sends each score of a batch of spans; sent again it has the same id and is the same score."""

    def __init__(self, host: str, public_key: str, secret_key: str) -> None:
        self._client = httpx.Client(base_url=host.rstrip("/"), auth=(public_key, secret_key), timeout=TIMEOUT_SECONDS)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send what was scored; what Langfuse does not take is said in the log, once for a batch."""
        try:
            for score in (score for span in spans for score in _scores(span)):
                response = self._client.post("/api/public/scores", json=score)
                if response.status_code >= HTTPStatus.BAD_REQUEST:
                    logger.warning("Langfuse does not take scores: it answered %d", response.status_code)
                    return SpanExportResult.FAILURE
        except httpx.HTTPError as error:
            logger.warning("Langfuse does not take scores: %s", type(error).__name__)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """End all connections."""
        self._client.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


def _scores(span: ReadableSpan) -> Iterator[Mapping[str, object]]:
    place = span.context
    for number, event in enumerate(span.events):
        told = event.attributes or {}
        value = told.get("gen_ai.evaluation.score.value")
        if event.name != EVENT or place is None or not isinstance(value, int | float):
            continue
        observation = f"{place.span_id:016x}"
        yield {
            "id": f"ryorin-{observation}-{number}",
            "traceId": f"{place.trace_id:032x}",
            "observationId": observation,
            "name": str(told.get("gen_ai.evaluation.name", "score")),
            "value": float(value),
            "dataType": "NUMERIC",
        }
