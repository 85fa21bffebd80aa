"""Routes of the gateway: providers and their models, budgets, and what was spent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from ryorin.contexts.gateway.catalogue import (
    Capability,
    Limits,
    ModelSpec,
    Period,
    PriceTable,
    ProviderSpec,
)
from ryorin.contexts.gateway.commands import (
    PutModel,
    PutProvider,
    RemoveBudget,
    RemoveModel,
    RemoveProvider,
    SetBudget,
)
from ryorin.contexts.gateway.queries import CATALOGUE_MODEL, GetSpend, ListProviders
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1", tags=["gateway"])
# what is changed is used at once by the process that was asked
SETTLED = (CATALOGUE_MODEL,)


class ProviderBody(Body):
    """How a provider is reached."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "base_url": "http://127.0.0.1:11434/v1",
                    "secret": "env:RYORIN_SECRET_OLLAMA",
                    "requests_per_minute": 600,
                }
            ]
        }
    )

    kind: Literal["openai", "litellm"] = Field(
        default="openai", description="`openai`: any OpenAI-compatible server; `litellm`: what LiteLLM knows"
    )
    base_url: str | None = Field(default=None, description="Such as https://api.example.com/v1; litellm needs none")
    secret: str | None = Field(
        default=None,
        description="Where the server finds the credential: env:RYORIN_SECRET_NAME or file:NAME, never the secret",
    )
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    silence_seconds: float = Field(default=60.0, description="After so long without a piece it counts as failed")

    def spec(self) -> ProviderSpec:
        """As the command takes it."""
        limits = Limits(self.requests_per_minute, self.tokens_per_minute)
        return ProviderSpec(self.kind, self.base_url, self.secret, limits, self.silence_seconds)


class PriceBody(Body):
    """USD for a million tokens; what is left out of cached and reasoning tokens is as input and output."""

    input: float = 0.0
    output: float = 0.0
    cached_read: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None


class ModelBody(Body):
    """A model as the provider serves it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "llama3.2", "context_tokens": 131072, "price": {"input": 0, "output": 0}},
            ]
        }
    )

    model: str
    context_tokens: int = 8192
    max_output_tokens: int = 4096
    capabilities: list[Capability] = Field(default=["chat", "tools", "json_schema"])
    price: PriceBody | None = Field(default=None, description="Left out: LiteLLM's table, where it knows the model")
    fallbacks: list[str] = Field(default=[], description="Aliases that are asked, in order, when this one fails")

    def spec(self) -> ModelSpec:
        """As the command takes it."""
        price = PriceTable(**self.price.model_dump()) if self.price else PriceTable()
        return ModelSpec(
            self.model,
            self.context_tokens,
            self.max_output_tokens,
            tuple(self.capabilities),
            price,
            tuple(self.fallbacks),
        )


class BudgetBody(Body):
    """How much may be spent in each period (UTC)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"usd": 50.0, "period": "month"}]})

    usd: float
    period: Period = "month"


Provider = Annotated[str, Path(examples=["ollama"])]
Alias = Annotated[str, Path(examples=["llama"])]
Subject = Annotated[str, Path(examples=["organisation"], description="`organisation`, or `key:PREFIX`")]


@router.get("/providers")
async def list_providers(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Providers with their models; `secret` tells whether the reference leads anywhere on this server."""
    return {"providers": to_json(await caller.ask(ListProviders(), demand))}


@router.put("/providers/{provider}")
async def put_provider(
    provider: Provider, body: ProviderBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Register a provider, or reach it otherwise from now on."""
    command = PutProvider(provider=provider, spec=body.spec())
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/providers/{provider}")
async def remove_provider(provider: Provider, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Forget a provider with all its models."""
    return Written(**await caller.send_and_settle(RemoveProvider(provider=provider), SETTLED, key))


@router.put("/providers/{provider}/models/{alias}")
async def put_model(
    provider: Provider, alias: Alias, body: ModelBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Have a provider answer for an alias. Several may: the quickest is asked first."""
    command = PutModel(provider=provider, alias=alias, spec=body.spec(), priced=body.price is not None)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/providers/{provider}/models/{alias}")
async def remove_model(provider: Provider, alias: Alias, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Have a provider no longer answer for an alias."""
    return Written(**await caller.send_and_settle(RemoveModel(provider=provider, alias=alias), SETTLED, key))


@router.put("/budgets/{subject}")
async def set_budget(subject: Subject, body: BudgetBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Bound what the organisation or one of its keys may spend on models."""
    command = SetBudget(subject=subject, usd=body.usd, period=body.period)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/budgets/{subject}")
async def remove_budget(subject: Subject, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Lift a bound."""
    return Written(**await caller.send_and_settle(RemoveBudget(subject=subject), SETTLED, key))


@router.get("/spend")
async def get_spend(caller: CallerNeeded, demand: DemandNeeded, days: int = 30) -> Any:
    """What was spent on models in the last days by day, key and model, and what is left of budgets."""
    return to_json(await caller.ask(GetSpend(days=days), demand))
