"""A look at an aggregate outside of any transaction."""

from __future__ import annotations

from typing import TypeVar

from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.ports import EventStore

A = TypeVar("A", bound=Aggregate)


async def glance(events: EventStore, aggregate: A) -> A:
    """An aggregate as it is now, outside any transaction; decisions on it must be made again inside one."""
    for recorded in await events.read_stream(aggregate.stream):
        aggregate.replay(recorded.event)
    return aggregate
