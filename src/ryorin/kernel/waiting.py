"""How long a request waited before anybody worked on it: a server that is busy hides that from its own durations."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(slots=True)
class Arrival:
    """When a request came, and how long it waited until its first handler ran (seconds); None: none ran yet.

    `remarks` are told with the response, by name.
    """

    at: float
    source: str = ""
    waited: float | None = None
    remarks: dict[str, str] = field(default_factory=dict)


_current: ContextVar[Arrival | None] = ContextVar("ryorin_arrival", default=None)


def arrived(source: str = "") -> Arrival:
    """A request came just now, from an address; what is done in this context is done for it."""
    arrival = Arrival(perf_counter(), source)
    _current.set(arrival)
    return arrival


def begun(now: float) -> float | None:
    """Its first handler runs: the seconds that it waited. None for handlers after the first, and where nothing came."""
    arrival = _current.get()
    if arrival is None or arrival.waited is not None:
        return None
    arrival.waited = now - arrival.at
    return arrival.waited


def remark(name: str, text: str) -> None:
    """Have something told with the response to the request that is worked on; nothing where none came."""
    arrival = _current.get()
    if arrival is not None:
        arrival.remarks[name] = text


def source() -> str:
    """Where the request that is worked on came from; "" where none came."""
    arrival = _current.get()
    return arrival.source if arrival is not None else ""
