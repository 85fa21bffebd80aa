"""Routes of tasks on texts: summaries and translations, whole or as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ConfigDict, Field
from starlette.responses import Response

from ryorin.contexts.answers.queries import Answer, AnswerPart
from ryorin.contexts.answers.tasks import SummariseText, TextSource, TranslateText
from ryorin.entrypoints.problems import problem, status_of
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded
from ryorin.entrypoints.rest.schemas import Body
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import RyorinError

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The text; with `stream`, events", "content": {"text/event-stream": {}}}
}


class TaskBody(Body):
    """A text, or a document of a collection; `stream` asks for events: progress, text, done, error."""

    text: str | None = None
    collection: str | None = None
    document: str | None = None
    model: str = Field(description="The alias of a language model")
    cache: bool = True
    stream: bool = False

    def source(self) -> TextSource:
        """As queries take it."""
        return TextSource(self.text, self.collection, self.document)


class SummariseBody(TaskBody):
    """What is to be summarised, and how long the summary may be."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The office opens at nine.", "model": "smollm2", "max_words": 20}]}
    )

    language: Literal["ja", "en"] | None = Field(default=None, description="Left out: that of the text")
    max_words: int = 150


class TranslateBody(TaskBody):
    """What is to be translated, and into which language."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Good morning.", "model": "smollm2", "language": "ja"}]}
    )

    language: Literal["ja", "en"]


@router.post("/summarise", responses=EVENTS)
async def summarise(body: SummariseBody, caller: CallerNeeded, demand: DemandNeeded) -> Response:
    """What a text says, in few words; a long one is summarised piece by piece."""
    query = SummariseText(
        source=body.source(),
        model=body.model,
        language=body.language,
        max_words=body.max_words,
        use_cache=body.cache,
    )
    return await _answered(query, body, caller, demand)


@router.post("/translate", responses=EVENTS)
async def translate(body: TranslateBody, caller: CallerNeeded, demand: DemandNeeded) -> Response:
    """What a text says in Japanese or English, piece by piece."""
    query = TranslateText(source=body.source(), model=body.model, language=body.language, use_cache=body.cache)
    return await _answered(query, body, caller, demand)


async def _answered(
    query: SummariseText | TranslateText, body: TaskBody, caller: CallerNeeded, demand: DemandNeeded
) -> Response:
    if not body.stream:
        answer = await caller.services.queries.ask(query, caller.actor, demand)
        return JSONResponse(_told(answer))
    parts = caller.services.queries.stream(query, caller.actor, demand)
    # the first part is waited for, so that errors before it have their own status
    first = await anext(parts, None)
    return StreamingResponse(_events(parts, first), media_type="text/event-stream")


async def _events(parts: AsyncGenerator[AnswerPart, None], first: AnswerPart | None) -> AsyncGenerator[str, None]:
    try:
        async with aclosing(parts):
            part = first
            while part is not None:
                if part.progress is not None:
                    yield _event("progress", {"stage": part.progress.stage, "what": part.progress.what})
                if part.text:
                    yield _event("text", {"text": part.text})
                if part.answer is not None:
                    yield _event("done", _told(part.answer))
                part = await anext(parts, None)
    except RyorinError as error:
        yield _event("error", problem(status_of(error), error.code, error.detail))


def _event(kind: str, body: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"


def _told(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "model": answer.model,
        "finish_reason": answer.finish_reason,
        "usage": to_json(answer.usage),
        "usd": answer.usd if answer.cache in ("miss", "bypass") else 0.0,
        "cache": answer.cache,
        "degraded": list(answer.degraded),
    }
