from __future__ import annotations

import pytest

from ryorin.adapters.local.hot_answers import MemoryHotAnswers
from ryorin.contexts.answers.queries import Answer, Usage
from ryorin.contexts.answers.read.ports import KeptAnswer
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import OrgId

ORG = OrgId("a")
ANSWER = Answer("id", 0, "m", "text", "stop", Usage(0, 0), (), "miss", "5-1", {})


def kept(at: int, epoch: int = 1) -> KeptAnswer:
    return KeptAnswer(ANSWER, "docs", epoch, LogPosition(at, 0))


@pytest.fixture
def hot() -> MemoryHotAnswers:
    answers = MemoryHotAnswers(100, 60)
    answers.connection(True)
    return answers


def test_a_kept_answer_is_served_and_says_so(hot: MemoryHotAnswers) -> None:
    hot.put(ORG, "k", kept(5))

    served = hot.get(ORG, "k")

    assert served is not None
    assert served.cache == "l1"
    assert hot.get(OrgId("b"), "k") is None


@pytest.mark.parametrize(
    "payload", ["key\x1fa\x1fk\x1f9-0", "collection\x1fa\x1fdocs\x1f9-0", "epoch\x1fa\x1fdocs\x1f2"]
)
def test_an_eviction_takes_it_out_and_keeps_older_makings_out(hot: MemoryHotAnswers, payload: str) -> None:
    hot.put(ORG, "k", kept(5))

    hot.told(payload)
    hot.put(ORG, "k", kept(8))

    assert hot.get(ORG, "k") is None


def test_an_answer_made_after_the_eviction_is_kept(hot: MemoryHotAnswers) -> None:
    hot.told("key\x1fa\x1fk\x1f9-0")
    hot.put(ORG, "k", kept(9))

    assert hot.get(ORG, "k") is not None


def test_while_notifications_may_be_missing_nothing_is_taken_and_afterwards_all_is_forgotten(
    hot: MemoryHotAnswers,
) -> None:
    hot.put(ORG, "k", kept(5))

    hot.connection(False)
    hot.put(ORG, "later", kept(6))

    assert not hot.connected
    assert hot.get(ORG, "k") is not None
    assert hot.get(ORG, "later") is None
    hot.connection(True)
    assert hot.connected
    assert hot.get(ORG, "k") is None
