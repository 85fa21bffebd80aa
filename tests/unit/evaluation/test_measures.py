"""Metrics on texts in Japanese and English, and what they abstain from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.adapters.schemas.json_schema import TextShapes
from ryorin.contexts.evaluation.domain.comparison import compared, summary
from ryorin.contexts.evaluation.domain.datasets import counted, split_up
from ryorin.contexts.evaluation.domain.metrics import measured
from ryorin.contexts.evaluation.domain.overlap import chrf, normalised, rouge_l, token_f1, units
from ryorin.contexts.evaluation.specs import (
    Answered,
    DatasetItem,
    ItemResult,
    Metric,
    MetricKind,
    Score,
    check_metrics,
)
from ryorin.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    ("kind", "expected", "text", "value"),
    [
        ("exact", "九時", " 九時\n", 1.0),
        ("exact", "nine", "Nine", 0.0),
        ("normalised", "Ｎｉｎｅ o'clock!", "nine  O clock", 1.0),
        ("normalised", "九時です。", "九時です", 1.0),
        ("contains", "九時", "開店は「九時」です。", 1.0),
        ("contains", "ten", "at nine", 0.0),
        ("numeric", "#### 1,234", "So the answer is 1234.0 yen", 1.0),
        ("numeric", "42", "答えは４２です", 1.0),
        ("numeric", "42", "forty-two", 0.0),
        ("numeric", "10", "first 10, then 11", 0.0),
        ("token_f1", "the big cat", "the cat", 0.8),
        ("token_f1", "東京都", "京都", 0.8),
        ("rouge_l", "a b c d", "a c d b", 0.75),
        ("chrf", "花見に行く", "花見に行く", 1.0),
        ("token_f1", "!", "", 1.0),
    ],
)
def test_measures(kind: MetricKind, expected: str, text: str, value: float) -> None:
    score = measured(Metric(kind), DatasetItem("1", "?", expected=expected), text)
    assert score is not None
    assert score.value == pytest.approx(value)


def test_what_nobody_expected_is_not_judged() -> None:
    item = DatasetItem("1", "?")
    score = measured(Metric("exact"), item, "anything")
    assert score is not None and (score.outcome, score.value) == ("abstained", None)
    no_number = measured(Metric("numeric"), DatasetItem("1", "?", expected="none"), "3")
    assert no_number is not None and no_number.outcome == "abstained"
    assert measured(Metric("judge"), item, "x") is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_overlaps_are_between_0_and_1(first: str, second: str) -> None:
    for measure in (token_f1, rouge_l, chrf):
        assert 0 <= measure(first, second) <= 1
        assert measure(first, first) == pytest.approx(1.0)
    assert normalised(normalised(first)) == normalised(first)
    assert units(first) == units(first.upper().lower()) or not first.isascii()


def test_json_schemas() -> None:
    schema = '{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}'
    check = TextShapes()

    assert check.faults(schema, '{"name": "花子"}') == []
    assert check.faults(schema, '```json\n{"name": "花子"}\n```') == []
    assert "is not of type" in check.faults(schema, '{"name": 3}')[0]
    assert "no JSON" in check.faults(schema, "name: 花子")[0]
    for wrong in ("{", '{"type": "nothing"}'):
        with pytest.raises(InvalidInput, match="schema"):
            check.faults(wrong, "{}")
    with pytest.raises(InvalidInput, match="refers"):
        check.faults('{"$ref": "http://127.0.0.1:1/schema.json"}', "{}")


def test_patterns_end() -> None:
    assert TextShapes().matches(r"^\d{3}-\d{4}$", "100-0001")
    assert not TextShapes().matches("花+", "hana")
    with pytest.raises(InvalidInput, match="cannot be searched for"):
        TextShapes().matches("(a|aa)+$", "a" * 5000 + "b")


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (Metric("numeric", "much"), "tolerance 'much'"),
        (Metric("numeric", "-1"), "0 or more"),
        (Metric("regex", "("), "cannot be read"),
        (Metric("regex"), "needs `option`"),
        (Metric("exact", threshold=2.0), "must be 0-1"),
    ],
)
def test_metrics_that_can_measure_nothing(metric: Metric, told: str) -> None:
    check_metrics((Metric("contains"), Metric("numeric", "0.5")))
    with pytest.raises(InvalidInput, match=told):
        check_metrics((metric,))


def items(count: int, **more: str) -> list[DatasetItem]:
    return [DatasetItem(str(number), "?", **more) for number in range(count)]  # type: ignore[arg-type]


def test_splits_are_fixed_by_source() -> None:
    first = split_up(items(1000))
    # more items move none of those before
    assert split_up(items(2000))[:1000] == first
    shares = counted(first)
    assert abs(shares["train"] - 600) < 60 and abs(shares["test"] - 200) < 50
    together = split_up([DatasetItem(str(number), "?", source=str(number // 10)) for number in range(100)])
    assert all(len({item.split for item in together[at : at + 10]}) == 1 for at in range(0, 100, 10))
    given_ = split_up([DatasetItem("a", "?", source="s", split="test"), DatasetItem("b", "?", source="s")])
    assert [item.split for item in given_] == ["test", "test"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([], "1-100000 items"),
        ([DatasetItem("a", "?"), DatasetItem("a", "!")], "item 2: the id 'a' was used before"),
        ([DatasetItem("a")], "asks nothing"),
        ([DatasetItem("", "?")], "1-200 characters"),
        ([DatasetItem("a", "?", source="s", split="test"), DatasetItem("b", "?", source="s", split="train")], "leak"),
        ([DatasetItem("a", "\x00?")], "NUL"),
    ],
)
def test_items_that_cannot_be_used(wrong: list[DatasetItem], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        split_up(wrong)


def results(values: list[float | None], name: str = "exact") -> list[ItemResult]:
    scores = [Score("abstained", None) if value is None else Score("scored", value) for value in values]
    return [
        ItemResult(f"{number:03}", f"{number:03}", Answered("x", milliseconds=10.0, usd=0.5), {name: score})
        for number, score in enumerate(scores)
    ]


def test_a_summary_counts_what_was_not_said() -> None:
    failed = ItemResult("999", "999", None, {}, "model_rejected")
    found = summary([Metric("exact", threshold=0.5)], [*results([1.0, 0.0, None, 1.0]), failed])

    (metric,) = found.metrics
    assert (metric.mean, metric.scored, metric.abstained, metric.passed) == (pytest.approx(2 / 3), 3, 1, 2)
    assert metric.low is not None and metric.high is not None and 0 <= metric.low < 2 / 3 < metric.high <= 1
    assert (found.items, found.errors, found.usd, found.latency_p50_ms) == (5, 1, 2.0, 10.0)
    # what was right ten times of ten is not right for sure
    (always,) = summary([Metric("exact")], results([1.0] * 10)).metrics
    assert (always.mean, always.low, always.high) == (1.0, pytest.approx(0.722, abs=1e-3), 1.0)
    (nothing,) = summary([Metric("exact")], results([None])).metrics
    assert (nothing.mean, nothing.low, nothing.high) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "before", "after", "verdict"),
    [
        ("exact", [0.0] * 30 + [1.0] * 70, [1.0] * 100, "better"),
        ("exact", [1.0] * 100, [0.0] * 30 + [1.0] * 70, "worse"),
        # of hallucinations fewer are better
        ("hallucination", [1.0] * 100, [0.0] * 30 + [1.0] * 70, "better"),
        ("exact", [0.0, 1.0] * 50, [1.0, 0.0] * 50, "no difference shown"),
        ("exact", [0.0] * 9, [1.0] * 9, "too few items"),
        ("exact", [], [], "too few items"),
    ],
)
def test_verdicts(name: str, before: list[float | None], after: list[float | None], verdict: str) -> None:
    (found,) = compared(results(before, name), results(after, name), [name])

    assert found.verdict == verdict
    assert found.low <= found.difference <= found.high
    assert found.low < found.high
    if found.items >= 10:
        assert (found.evidence >= 20) == (verdict == "better")
