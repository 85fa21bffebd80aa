"""Builds the gateway: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryorin.contexts.gateway import commands, queries
from ryorin.contexts.gateway.read.gateway_queries import GatewayQueries
from ryorin.contexts.gateway.read.ports import Catalogues, ModelCall, Secrets, Spending
from ryorin.contexts.gateway.read.projections import CatalogueProjection
from ryorin.contexts.gateway.write.handlers import (
    PutModelHandler,
    PutProviderHandler,
    RemoveBudgetHandler,
    RemoveModelHandler,
    RemoveProviderHandler,
    SetBudgetHandler,
)
from ryorin.contexts.gateway.write.ports import PriceBook
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query

__all__ = [
    "CatalogueProjection",
    "Catalogues",
    "ModelCall",
    "PriceBook",
    "Secrets",
    "Spending",
    "command_handlers",
    "query_handlers",
]


def command_handlers(prices: PriceBook) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.PutProvider: PutProviderHandler(),
        commands.RemoveProvider: RemoveProviderHandler(),
        commands.PutModel: PutModelHandler(prices),
        commands.RemoveModel: RemoveModelHandler(),
        commands.SetBudget: SetBudgetHandler(),
        commands.RemoveBudget: RemoveBudgetHandler(),
    }


def query_handlers(
    catalogues: Catalogues, spending: Spending, secrets: Secrets
) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""
    asked = GatewayQueries(catalogues, spending, secrets)
    return {queries.ListProviders: asked.providers, queries.GetSpend: asked.spend}
