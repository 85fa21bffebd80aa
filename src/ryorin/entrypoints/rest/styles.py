"""Routes of styles: how texts are written."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from ryorin.contexts.evaluation.commands import PutStyle, RemoveStyle
from ryorin.contexts.evaluation.queries import EVALUATION_MODEL, ListStyles, MeasureStyle
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1/styles", tags=["evaluation"])
SETTLED = (EVALUATION_MODEL,)
_SAMPLE = (
    "The office opens at nine, and nobody minds if you come a little later. Coffee is on the second floor; tea, oddly "
    "enough, is on the third. If you need a room, ask at the desk. We keep two of them free for visitors, since they "
    "tend to arrive without telling us. In summer the windows stay open until six. In winter they do not, because the "
    "heating is old and, as we all know, rather slow to warm the corridors up again after somebody has aired them."
)

StyleName = Annotated[str, Path(max_length=200, examples=["office"])]


class SamplesBody(Body):
    """Texts of one style and language; only numbers are kept of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"samples": [f"{_SAMPLE} {_SAMPLE} {_SAMPLE} That is all for floor {n}." for n in range(1, 6)]}
            ]
        }
    )

    samples: list[str] = Field(description="5-500 texts of at least 1,000 characters, of 200 in Japanese")


class TextBody(Body):
    """A text to be measured."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": _SAMPLE}]})

    text: str


@router.get("")
async def list_styles(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Styles by name, with the habits of their samples."""
    return {"styles": to_json(await caller.ask(ListStyles(), demand))}


@router.post("/measure")
async def measure(body: TextBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """How a text is written: sentences, rhythm, politeness, readability and more."""
    return to_json(await caller.ask(MeasureStyle(text=body.text), demand))


@router.put("/{style}")
async def put_style(style: StyleName, body: SamplesBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Know a style by its samples."""
    genome = await caller.services.genome_of(body.samples)
    return Written(**await caller.send_and_settle(PutStyle(style=style, genome=genome), SETTLED, key))


@router.delete("/{style}")
async def remove_style(style: StyleName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Know a style no more."""
    return Written(**await caller.send_and_settle(RemoveStyle(style=style), SETTLED, key))


@router.post("/{style}/compare")
async def compare(style: StyleName, body: TextBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """How a text lies to a style: the chance that it is of the same source, what deviates, the radar's axes."""
    return to_json(await caller.ask(MeasureStyle(text=body.text, style=style), demand))
