"""What the three libraries are given, and how they ask: from their threads into the server's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ryorin.kernel.errors import InvalidInput

T = TypeVar("T")
# what a model says to a prompt
Ask = Callable[[str], str]
# vectors of texts
Vectors = Callable[[list[str]], list[list[float]]]


class Missing(Exception):
    """The item lacks what the metric needs: nothing can be said of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer, and what the answer should be and rest on."""

    question: str
    answer: str
    expected: str | None
    contexts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a metric says; None: nothing."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Has a coroutine carried out by an event loop, and waits in another thread for what comes of it."""

    loop: asyncio.AbstractEventLoop
    seconds: float

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of it; raises TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(self.seconds)


def known(name: str, names: Sequence[str], library: str) -> None:
    """Raise InvalidInput unless a library has a metric of that name."""
    if name not in names:
        raise InvalidInput(f"{library} has no metric {name[:60]!r} that fits; there are {', '.join(sorted(names))}")
