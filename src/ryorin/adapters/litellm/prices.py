"""Prices from LiteLLM's table, which it ships with each release: nothing is fetched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ryorin.contexts.gateway.catalogue import MILLION, PriceTable


class LiteLlmPrices:
    """The `PriceBook` port; knows nothing where LiteLLM is not installed."""

    async def price(self, model: str) -> PriceTable | None:
        """What a provider takes for its model, as LiteLLM's table has it."""
        try:
            table: Mapping[str, Mapping[str, Any]] = await asyncio.to_thread(_table)
        except ImportError:
            return None
        entry = table.get(model)
        if entry is None or "input_cost_per_token" not in entry:
            return None
        return PriceTable(
            input=_million(entry.get("input_cost_per_token")) or 0.0,
            output=_million(entry.get("output_cost_per_token")) or 0.0,
            cached_read=_million(entry.get("cache_read_input_token_cost")),
            cache_write=_million(entry.get("cache_creation_input_token_cost")),
            reasoning=_million(entry.get("output_cost_per_reasoning_token")),
        )


def _table() -> Mapping[str, Mapping[str, Any]]:
    # or the import asks the network for a newer one
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    table: Mapping[str, Mapping[str, Any]] = import_module("litellm").model_cost
    return table


def _million(usd: float | None) -> float | None:
    return None if usd is None else round(usd * MILLION, 9)
