"""What the cache holds, and what it has saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.answers.queries import FRESHNESS_MODEL, CacheLayer, Usage
from ryorin.contexts.answers.selection import Selection
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

MAX_DAYS = 400


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's provider takes, in USD for a million tokens."""

    prompt_usd: float = 0.0
    completion_usd: float = 0.0

    def of(self, usage: Usage) -> float:
        """USD for a call."""
        return (usage.prompt_tokens * self.prompt_usd + usage.completion_tokens * self.completion_usd) / 1_000_000


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """Answers of one collection (None: those without documents) in L2; sizes in bytes."""

    collection: str | None
    valid: int
    invalidated: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LayerUse:
    """Questions that one layer answered, with the tokens and USD that were spent (misses) or saved (all others)."""

    collection: str | None
    model: str
    layer: CacheLayer
    requests: int
    usage: Usage
    usd: float


@dataclass(frozen=True, slots=True)
class CacheReport:
    """The cache of an organisation: what it holds now, and how it was used in the last days."""

    days: int
    answers: tuple[KeptAnswers, ...]
    uses: tuple[LayerUse, ...]
    saved_tokens: int
    saved_usd: float
    spent_tokens: int
    spent_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCacheReport(Query[CacheReport]):
    """What does the cache hold, and what has it saved in the last `days` (today among them)?"""

    name: ClassVar[str] = "answers.get_cache_report"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    read_models: ClassVar[tuple[str, ...]] = (FRESHNESS_MODEL,)

    days: int = 30

    def validate(self) -> None:
        if not 1 <= self.days <= MAX_DAYS:
            raise InvalidInput(f"days is {self.days}; it must be 1-{MAX_DAYS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountSelected(Query[int]):
    """How many answers would a flush take out? Changes nothing."""

    name: ClassVar[str] = "answers.count_selected"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    read_models: ClassVar[tuple[str, ...]] = (FRESHNESS_MODEL,)

    selection: Selection

    def validate(self) -> None:
        self.selection.validate()
