from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from ryorin.adapters.memory.telemetry import MemoryTelemetry
from ryorin.contexts.knowledge.module import RecallProbe
from ryorin.contexts.knowledge.queries import Candidate
from ryorin.contexts.knowledge.read.dense_plan import DenseCandidates
from ryorin.kernel.errors import Unavailable

QUESTION = np.ones((1, 2), dtype=np.float32)


class Exact:
    """An exact search that knows the best chunks, 1 to 4, once it may tell."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked = 0
        self.broken = False

    async def search(self, vector: Any, top_k: int) -> tuple[Candidate, ...]:
        self.asked += 1
        await self.gate.wait()
        if self.broken:
            raise Unavailable("gone")
        return tuple(Candidate(number, "d", 1 / number) for number in range(1, 5))


class ShareTelemetry(MemoryTelemetry):
    """Keeps the values too."""

    def __init__(self) -> None:
        super().__init__()
        self.recalls: list[float] = []

    def observe(self, name: str, value: float, **labels: str) -> None:
        super().observe(name, value, **labels)
        self.recalls.append(value)


def found(*ids: int, plan: str = "hnsw") -> DenseCandidates:
    return DenseCandidates((tuple(Candidate(one, "d", 1.0) for one in ids),), plan)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_recall_of_a_sampled_search_is_observed_with_its_plan() -> None:
    index, telemetry = Exact(), ShareTelemetry()
    probe = RecallProbe(telemetry, 0.5, lambda: 0.4)

    probe.sample(found(1, 2, 3, 9), 4, QUESTION, index.search)
    index.gate.set()
    await settled()

    assert telemetry.recalls == [0.75]
    assert telemetry.observed == [("ryorin_search_recall_ratio", {"plan": "hnsw"})]


@pytest.mark.parametrize(
    ("dice", "plan", "vectors"),
    [
        (0.6, "hnsw", QUESTION),  # not drawn
        (0.4, "exact", QUESTION),  # nothing to measure
        (0.4, "lexical", QUESTION[:0]),  # no vector was searched
    ],
)
async def test_other_searches_cost_nothing(dice: float, plan: str, vectors: Any) -> None:
    index = Exact()
    probe = RecallProbe(MemoryTelemetry(), 0.5, lambda: dice)

    probe.sample(found(1, plan=plan), 4, vectors, index.search)
    await settled()

    assert index.asked == 0


async def test_one_search_is_measured_at_a_time_and_a_failure_is_no_ones_problem() -> None:
    index, telemetry = Exact(), ShareTelemetry()
    probe = RecallProbe(telemetry, 1.0, lambda: 0.0)

    for _ in range(5):
        probe.sample(found(1), 4, QUESTION, index.search)
        await settled()
    assert index.asked == 1
    index.broken = True
    index.gate.set()
    await settled()
    probe.sample(found(1), 4, QUESTION, index.search)
    await settled()

    assert (index.asked, telemetry.recalls) == (2, [])
    await probe.close()
