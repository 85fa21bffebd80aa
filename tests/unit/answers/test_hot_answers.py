from __future__ import annotations

from dataclasses import replace
from time import monotonic

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
    answers = MemoryHotAnswers(1_000_000, 60)
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


def sized(text: str, tokens: int = 0, at: int = 5, **more: object) -> KeptAnswer:
    answer = replace(ANSWER, text=text, usage=Usage(tokens, tokens))
    return replace(KeptAnswer(answer, "docs", 1, LogPosition(at, 0)), **more)  # type: ignore[arg-type]  # by name


def test_answers_that_cost_nothing_push_out_none_that_did() -> None:
    hot = MemoryHotAnswers(40_000, 60)
    hot.connection(True)
    hot.put(ORG, "paid", sized("a model said this", tokens=10))

    for number in range(100):
        hot.put(ORG, f"free {number}", sized("an extract " * 20))

    assert hot.get(ORG, "paid") is not None
    assert hot.get(ORG, "free 99") is not None
    assert hot.get(ORG, "free 0") is None


def test_memory_is_bounded_by_bytes_and_one_answer_never_empties_it() -> None:
    hot = MemoryHotAnswers(40_000, 60)
    hot.connection(True)
    hot.put(ORG, "small", sized("small", tokens=1))

    assert hot.put(ORG, "huge", sized("漢" * 40_000, tokens=1))

    assert hot.get(ORG, "small") is not None
    assert hot.get(ORG, "huge") is None


def test_what_was_found_valid_before_this_process_listened_is_not_believed(hot: MemoryHotAnswers) -> None:
    hot.told("begun\x1f\x1f\x1f100")

    early, later = hot.put(ORG, "k", sized("t", seen=99)), hot.put(ORG, "later", sized("t", seen=100))

    assert (early, later) == (False, True)
    assert hot.get(ORG, "k") is None


def test_an_answer_from_before_everything_was_flushed_is_not_believed(hot: MemoryHotAnswers) -> None:
    hot.put(ORG, "k", sized("t", seen=1))
    hot.told("all\x1fa\x1f\x1f7-0")

    assert hot.get(ORG, "k") is None
    assert not hot.put(ORG, "k", sized("t", at=6, seen=1))
    assert hot.put(OrgId("b"), "k", sized("t", at=6, seen=1))
    # made after it, and kept by nobody yet
    assert hot.put(ORG, "new", KeptAnswer(ANSWER, None, None, LogPosition(0, 0)))


def test_an_answer_is_not_given_beyond_its_own_time(hot: MemoryHotAnswers) -> None:
    hot.put(ORG, "k", sized("t", ttl_seconds=0.0))

    assert hot.get(ORG, "k") is None


def test_what_was_vouched_for_before_a_gap_is_given_to_those_who_need_nothing_newer() -> None:
    now = monotonic()
    hot = MemoryHotAnswers(1_000_000, 60, lambda org_id, collection: now - 5 if collection == "docs" else None)
    hot.connection(True)
    hot.put(ORG, "k", kept(5))
    hot.put(ORG, "other", replace(kept(5), collection="other"))
    assert hot.lapsed(ORG, "k", 60) is None

    for connected in (False, True, False, True):
        hot.connection(connected)

    assert hot.get(ORG, "k") is None
    assert hot.lapsed(ORG, "other", 60) is None
    assert hot.lapsed(ORG, "k", 4) is None
    lapsed = hot.lapsed(ORG, "k", 60)
    assert lapsed is not None and lapsed.cache == "l1"
    hot.told("key\x1fa\x1fk\x1f9-0")
    assert hot.lapsed(ORG, "k", 60) is None


def test_what_is_kept_again_after_a_gap_is_as_good_as_new() -> None:
    hot = MemoryHotAnswers(1_000_000, 60, lambda org_id, collection: monotonic())
    hot.connection(True)
    hot.put(ORG, "k", kept(5))
    hot.connection(False)
    hot.connection(True)
    hot.put(ORG, "k", kept(6))
    assert hot.get(ORG, "k") is not None
