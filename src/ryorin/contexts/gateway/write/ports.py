"""What the write side of the gateway needs from outside."""

from __future__ import annotations

from typing import Protocol

from ryorin.contexts.gateway.catalogue import PriceTable


class PriceBook(Protocol):
    """Prices of models that somebody keeps for everyone."""

    async def price(self, model: str) -> PriceTable | None:
        """What a provider takes for its model; None when the book does not know."""
        ...
