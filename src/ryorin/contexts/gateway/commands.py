"""What can be asked of the gateway: providers, their models and budgets come, change and go."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from ryorin.contexts.gateway.catalogue import ORGANISATION, ModelSpec, Period, PriceTable, ProviderSpec
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}")
# the answerer from documents and everything in a collection's path have these names already
RESERVED = frozenset({"extractive", "experts", "collection"})
SECRET = re.compile(r"env:RYORIN_SECRET_[A-Z0-9_]{1,100}|file:[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_TOKENS = 100_000_000
MAX_PRICE_USD = 1_000_000.0
MAX_MODEL_CHARACTERS = 300
MAX_FALLBACKS = 10
MAX_SILENCE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class GatewayChanged(Result):
    """The name of what was changed."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutProvider(Command):
    """Register a provider, or reach it otherwise from now on."""

    name: ClassVar[str] = "gateway.put_provider"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = GatewayChanged

    provider: str
    spec: ProviderSpec

    def validate(self) -> None:
        check_name("provider", self.provider)
        spec = self.spec
        if spec.secret is not None and not SECRET.fullmatch(spec.secret):
            # what was given may be the secret itself, and is not repeated
            raise InvalidInput(
                "a secret is given by reference: env:RYORIN_SECRET_NAME, a variable of the server, or file:NAME,"
                " a file in RYORIN_SECRETS_DIR"
            )
        if spec.base_url is None and spec.kind == "openai":
            raise InvalidInput(f"provider {self.provider!r} of kind openai needs a base_url")
        if spec.base_url is not None:
            _check_url(spec.base_url)
        if not 0 < spec.silence_seconds <= MAX_SILENCE_SECONDS:
            raise InvalidInput(f"silence_seconds is {spec.silence_seconds:g}; it must be 0-{MAX_SILENCE_SECONDS}")
        for name, limit in (
            ("requests_per_minute", spec.limits.requests_per_minute),
            ("tokens_per_minute", spec.limits.tokens_per_minute),
        ):
            if limit is not None and not 1 <= limit <= MAX_TOKENS:
                raise InvalidInput(f"{name} is {limit}; it must be 1-{MAX_TOKENS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveProvider(Command):
    """Forget a provider with all its models."""

    name: ClassVar[str] = "gateway.remove_provider"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = GatewayChanged

    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutModel(Command):
    """Have a provider answer for an alias, or by another model from now on.

    `priced`: the price was given on purpose; if not, it is looked up.
    """

    name: ClassVar[str] = "gateway.put_model"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = GatewayChanged

    provider: str
    alias: str
    spec: ModelSpec
    priced: bool = True

    def validate(self) -> None:
        check_name("provider", self.provider)
        check_name("alias", self.alias)
        if self.alias in RESERVED:
            raise InvalidInput(f"alias {self.alias!r} is taken by Ryorin itself; choose another")
        spec = self.spec
        if not spec.model.strip() or len(spec.model) > MAX_MODEL_CHARACTERS or not spec.model.isprintable():
            raise InvalidInput(f"model must be 1-{MAX_MODEL_CHARACTERS} printable characters")
        for name, tokens in (("context_tokens", spec.context_tokens), ("max_output_tokens", spec.max_output_tokens)):
            if not 1 <= tokens <= MAX_TOKENS:
                raise InvalidInput(f"{name} is {tokens}; it must be 1-{MAX_TOKENS}")
        _check_price(spec.price)
        for fallback in spec.fallbacks:
            check_name("fallback", fallback)
        if self.alias in spec.fallbacks or len(set(spec.fallbacks)) < len(spec.fallbacks):
            raise InvalidInput("fallbacks are other aliases, each once")
        if len(spec.fallbacks) > MAX_FALLBACKS:
            raise InvalidInput(f"{len(spec.fallbacks)} fallbacks were given; at most {MAX_FALLBACKS} are allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveModel(Command):
    """Have a provider no longer answer for an alias."""

    name: ClassVar[str] = "gateway.remove_model"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = GatewayChanged

    provider: str
    alias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBudget(Command):
    """Bound what an organisation or one of its keys may spend on models (USD in each period, by UTC)."""

    name: ClassVar[str] = "gateway.set_budget"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = GatewayChanged

    usd: float
    period: Period = "month"
    subject: str = field(default=ORGANISATION)

    def validate(self) -> None:
        check_subject(self.subject)
        if not math.isfinite(self.usd) or not 0 <= self.usd <= MAX_PRICE_USD:
            raise InvalidInput(f"usd is {self.usd:g}; it must be 0-{MAX_PRICE_USD:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBudget(Command):
    """Let an organisation or a key spend without a bound of its own."""

    name: ClassVar[str] = "gateway.remove_budget"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = GatewayChanged

    subject: str = field(default=ORGANISATION)

    def validate(self) -> None:
        check_subject(self.subject)


COMMANDS: tuple[type[Command], ...] = (PutProvider, RemoveProvider, PutModel, RemoveModel, SetBudget, RemoveBudget)


def check_name(kind: str, name: str) -> None:
    """Raise InvalidInput unless `name` can name a provider or an alias."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            f"{kind} {name[:60]!r} must be 1-100 of A-Z a-z 0-9 . _ : @ - and begin with a letter or a digit"
        )


def check_subject(subject: str) -> None:
    """Raise InvalidInput unless `subject` can have a budget."""
    kind, _, prefix = subject.partition(":")
    if subject != ORGANISATION and not (kind == "key" and NAME.fullmatch(prefix)):
        raise InvalidInput(f"subject {subject[:60]!r} must be {ORGANISATION} or key:PREFIX")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed or not url.isprintable() or any(character.isspace() for character in url):
        raise InvalidInput("base_url must be an http or https address, such as https://api.example.com/v1")
    if parts.username or parts.password:
        raise InvalidInput("base_url must not contain a credential; give it as a secret reference")


def _check_price(price: PriceTable) -> None:
    for name in ("input", "output", "cached_read", "cache_write", "reasoning"):
        usd = getattr(price, name)
        if usd is not None and not (math.isfinite(usd) and 0 <= usd <= MAX_PRICE_USD):
            raise InvalidInput(f"price {name} is {usd:g} USD for a million tokens; it must be 0-{MAX_PRICE_USD:g}")
