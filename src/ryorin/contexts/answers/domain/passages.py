"""The passages an answer is made from, numbered as its citations are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ryorin.contexts.answers.queries import Citation

_MARK = re.compile(r"\[(\d{1,2})\]")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
QUOTE_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as an answerer sees it; `number` is its citation number, offsets are bytes of its version's text."""

    number: int
    document: str
    version: int
    title: str
    heading_path: tuple[str, ...]
    text: str
    start_byte: int
    end_byte: int
    score: float


def context_digest(passages: Sequence[Passage]) -> str:
    """One digest of all that an answerer sees of its passages; their scores are not part of it."""
    seen = [
        [
            passage.document,
            passage.version,
            passage.title,
            passage.heading_path,
            passage.text,
            passage.start_byte,
            passage.end_byte,
        ]
        for passage in passages
    ]
    body = json.dumps(seen, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def is_japanese(text: str) -> bool:
    """Whether a question is to be answered in Japanese."""
    return bool(_JAPANESE.search(text))


def cite(passage: Passage, quote: str | None = None) -> Citation:
    """A citation of a passage; `quote` is what was taken from it."""
    shown = " ".join((quote or passage.text).split())
    return Citation(
        number=passage.number,
        document=passage.document,
        version=passage.version,
        title=passage.title,
        heading_path=passage.heading_path,
        start_byte=passage.start_byte,
        end_byte=passage.end_byte,
        quote=shown if len(shown) <= QUOTE_CHARACTERS else shown[: QUOTE_CHARACTERS - 1] + "…",
        score=passage.score,
    )


def cited(text: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """The passages that a text's marks [1], [2] ... name, in the order of their first mention."""
    by_number = {passage.number: passage for passage in passages}
    numbers = dict.fromkeys(int(found) for found in _MARK.findall(text))
    return tuple(cite(by_number[number]) for number in numbers if number in by_number)
