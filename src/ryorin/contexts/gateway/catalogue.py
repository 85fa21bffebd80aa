"""What a catalogue holds: prices, deployments of models and budgets. Money is USD, prices are for a million tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ProviderKind = Literal["openai", "litellm"]
Capability = Literal["chat", "tools", "json_schema"]
Period = Literal["day", "month", "total"]

MILLION = 1_000_000
# whose budget: all of an organisation, or `key:PREFIX`
ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True)
class TokenUse:
    """Tokens of a call, each in one bucket only."""

    input: int = 0
    cached_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class PriceTable:
    """USD for a million tokens of each bucket. None: as `input` (for cached tokens) or as `output` (for reasoning)."""

    input: float = 0.0
    output: float = 0.0
    cached_read: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None

    def of(self, use: TokenUse) -> float:
        """USD for a call."""
        cached = self.input if self.cached_read is None else self.cached_read
        written = self.input if self.cache_write is None else self.cache_write
        thought = self.output if self.reasoning is None else self.reasoning
        return (
            use.input * self.input
            + use.cached_read * cached
            + use.cache_write * written
            + use.output * self.output
            + use.reasoning * thought
        ) / MILLION

    def most(self, input_tokens: int, output_tokens: int) -> float:
        """USD that a call with so many tokens can cost at most."""
        dearest_in = max(self.input, self.cached_read or 0.0, self.cache_write or 0.0)
        dearest_out = max(self.output, self.reasoning or 0.0)
        return (input_tokens * dearest_in + output_tokens * dearest_out) / MILLION


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider lets through in a minute; None: it does not say."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """How a provider is reached. `secret` is a reference (`env:NAME`, `file:NAME`) and never the secret itself.

    After `silence_seconds` without a piece it counts as failed.
    """

    kind: ProviderKind = "openai"
    base_url: str | None = None
    secret: str | None = None
    limits: Limits = field(default_factory=Limits)
    silence_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as one provider serves it: its name there, and what it can do."""

    model: str
    context_tokens: int = 8192
    max_output_tokens: int = 4096
    capabilities: tuple[Capability, ...] = ("chat", "tools", "json_schema")
    price: PriceTable = field(default_factory=PriceTable)
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """One way to have an alias answered."""

    alias: str
    provider: str
    reached: ProviderSpec
    serves: ModelSpec

    @property
    def name(self) -> str:
        """What it is called in figures and errors."""
        return f"{self.provider}/{self.serves.model}"

    @property
    def identity(self) -> str:
        """What answers depend on: who is asked for which model."""
        return f"{self.reached.kind} {self.reached.base_url or ''} {self.serves.model}"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be spent in each period (UTC)."""

    subject: str
    usd: float
    period: Period


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything an organisation has registered."""

    models: Mapping[str, tuple[Deployment, ...]] = field(default_factory=dict)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
