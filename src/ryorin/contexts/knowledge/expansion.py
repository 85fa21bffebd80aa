"""What can be asked about further wordings of a question, alone and as part of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ryorin.contexts.knowledge.limits import check_id
from ryorin.contexts.knowledge.queries import MAX_QUERY_CHARACTERS, SEARCH_MODEL, SearchChunks, SearchResult
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

MAX_VARIANTS = 8
MAX_DEADLINE_SECONDS = 10.0

ExpansionSource = Literal["service", "model", "feedback", "none"]


@dataclass(frozen=True, slots=True)
class Expansion:
    """Further wordings of a question.

    `source` names the link of the chain that made them, `left_out` the links that were not used or failed, each with
    the reason.
    """

    variants: tuple[str, ...]
    source: ExpansionSource
    left_out: Mapping[str, str] = field(default_factory=dict)
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpandQuery(Query[Expansion]):
    """How else could this question be worded? With a collection, its passages may suggest words."""

    name: ClassVar[str] = "knowledge.expand_query"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ

    text: str
    japanese_count: int = 1
    english_count: int = 3
    collection: str | None = None

    def validate(self) -> None:
        if not self.text.strip() or len(self.text) > MAX_QUERY_CHARACTERS:
            raise InvalidInput(f"query must have 1-{MAX_QUERY_CHARACTERS} characters, not only blanks")
        for name, count in (("japanese_count", self.japanese_count), ("english_count", self.english_count)):
            if not 0 <= count <= MAX_VARIANTS:
                raise InvalidInput(f"{name} is {count}; it must be 0-{MAX_VARIANTS}")
        if self.collection is not None:
            check_id("collection", self.collection)


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What a search found, and which further wordings took part in it."""

    result: SearchResult
    expansion: Expansion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveContext(Query[Retrieved]):
    """Which chunks answer a text best, searched with further wordings if they come before the deadline (seconds)?

    The question itself is searched at once and never waits for them. None for `expand` does as the collection has
    decided; without expansion there are no further wordings.
    """

    name: ClassVar[str] = "knowledge.retrieve_context"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (SEARCH_MODEL,)

    search: SearchChunks
    expand: bool | None = True
    deadline_seconds: float | None = None

    def touches(self) -> str:
        return self.search.touches()

    def validate(self) -> None:
        self.search.validate()
        if self.deadline_seconds is not None and not 0 <= self.deadline_seconds <= MAX_DEADLINE_SECONDS:
            raise InvalidInput(f"deadline_seconds is {self.deadline_seconds:g}; it must be 0-{MAX_DEADLINE_SECONDS:g}")
