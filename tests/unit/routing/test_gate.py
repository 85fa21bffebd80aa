"""The gating network: it learns, says how sure it is, and knows what it was not made for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.contexts.routing.domain.aggregates import GateHistory, RegisteredExpert, RoutingCase
from ryorin.contexts.routing.domain.features import EXTRA, features
from ryorin.contexts.routing.domain.gate import NONE, Gate, Material, train
from ryorin.contexts.routing.domain.network import fit_temperature, softmax
from ryorin.contexts.routing.domain.quality import auroc, calibration_error, macro_f1
from ryorin.contexts.routing.errors import ExpertNotFound, GateNotBetter, GateNotFound
from ryorin.contexts.routing.events import GateActivated
from ryorin.contexts.routing.experts import ExpertSpec, GateQuality
from ryorin.kernel.messages import OrgId

NAMES = ("cooking", "driving", "sailing")
WIDTH = 16


def material(outside: int = 0, each: int = 60, spread: float = 0.5) -> Material:
    """Three clouds of points on a sphere, and perhaps a fourth that belongs to nobody."""
    dice = np.random.default_rng(7)
    centres = dice.normal(size=(4, WIDTH))
    labels = np.repeat([0, 1, 2, NONE], [each, each, each, outside])
    rows = centres[labels] + spread * dice.normal(size=(len(labels), WIDTH))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return Material(vectors, tuple("When does the boat leave?" for _ in labels), labels)


@pytest.fixture(scope="module")
def trained() -> tuple[Gate, GateQuality]:
    return train(material(outside=40), NAMES)


def test_it_decides_what_it_was_not_shown(trained: tuple[Gate, GateQuality]) -> None:
    gate, quality = trained

    assert quality.accuracy >= 0.9
    assert quality.macro_f1 >= 0.9
    assert quality.held_out == 22
    assert quality.out_of_scope_auroc is not None
    assert quality.out_of_scope_auroc >= 0.9
    assert 0 <= quality.calibration_error <= 0.2
    weights, inside = gate.decide(material().vectors, material().texts)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert ((inside >= 0) & (inside <= 1)).all()


def test_what_is_for_nobody_is_told_from_what_is_for_somebody(trained: tuple[Gate, GateQuality]) -> None:
    seen = material(outside=40)
    _, inside = trained[0].decide(seen.vectors, seen.texts)

    assert inside[seen.labels >= 0].mean() > 0.8
    assert inside[seen.labels == NONE].mean() < 0.2


def test_without_examples_for_nobody_few_for_somebody_are_turned_away() -> None:
    seen = material()
    gate, quality = train(seen, NAMES)

    _, inside = gate.decide(seen.vectors, seen.texts)

    assert quality.out_of_scope_auroc is None
    assert (inside >= 0.5).mean() >= 0.85


def test_a_gate_is_the_same_after_it_was_stored(trained: tuple[Gate, GateQuality]) -> None:
    gate = trained[0]
    again = Gate.load(gate.dump())
    seen = material()

    for one, other in zip(gate.decide(seen.vectors, seen.texts), again.decide(seen.vectors, seen.texts), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.labels == NAMES


def test_training_is_repeatable() -> None:
    first, second = train(material(each=20), NAMES), train(material(each=20), NAMES)

    assert first[1] == second[1]
    np.testing.assert_array_equal(first[0].layers.skip, second[0].layers.skip)


def test_a_new_gate_is_compared_with_the_active_one_on_the_same_examples(trained: tuple[Gate, GateQuality]) -> None:
    _, quality = train(material(outside=40), NAMES, active=trained[0])

    assert quality.active_accuracy is not None
    # it has seen them
    assert quality.active_accuracy >= quality.accuracy


def test_language_and_length_are_seen() -> None:
    seen = features(np.zeros((2, 3), dtype=np.float32), ["図書館はいつ開く", "Open?"])

    assert seen.shape == (2, 3 + EXTRA)
    kana, kanji, latin, _ = seen[0, 3:]
    assert kana > 0.3
    assert kanji > 0.3
    assert latin == 0
    assert seen[1, 5] == pytest.approx(4 / 5)


def test_temperature_corrects_certainty() -> None:
    dice = np.random.default_rng(1)
    labels = dice.integers(0, 3, 500)
    logits = np.zeros((500, 3), dtype=np.float32)
    # right seven times in ten, and as sure as if it always were
    said = np.where(dice.random(500) < 0.7, labels, (labels + 1) % 3)
    logits[np.arange(500), said] = 10

    heated = softmax(logits / np.float32(fit_temperature(logits, labels)))

    assert calibration_error(softmax(logits), labels) > 0.25
    assert calibration_error(heated, labels) < 0.05


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_auroc_counts_pairs(inside: list[int], outside: list[int]) -> None:
    pairs = [1.0 if one > other else 0.5 if one == other else 0.0 for one in inside for other in outside]

    assert auroc(np.array(inside, dtype=float), np.array(outside, dtype=float)) == pytest.approx(np.mean(pairs))


def test_macro_f1_counts_rare_classes_as_much() -> None:
    assert macro_f1(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1])) == pytest.approx((6 / 7 + 0) / 2)


def quality(accuracy: float, active: float | None = None) -> GateQuality:
    return GateQuality(100, 10, accuracy, accuracy, 0.0, None, 0.5, active)


def history(*qualities: GateQuality) -> GateHistory:
    gates = GateHistory(OrgId("a"))
    for number, one in enumerate(qualities):
        assert gates.trained(NAMES, "e5", f"gate{number}", "examples", one) == number + 1
    return gates


def test_a_worse_gate_is_not_activated_unless_it_must_be() -> None:
    gates = history(quality(0.9), quality(0.8, active=0.9), quality(0.898, active=0.9))
    gates.activate(1)

    with pytest.raises(GateNotBetter, match=r"80.0% .* 90.0%"):
        gates.activate(2)
    gates.activate(3)
    gates.activate(2)  # the way back
    assert gates.pending[-1] == GateActivated(2)
    gates.activate(1)
    gates.activate(2, force=True)
    assert gates.active == 2
    with pytest.raises(GateNotFound):
        gates.activate(4)


def test_experts_come_and_go() -> None:
    expert = RegisteredExpert(OrgId("a"), "cooking")
    expert.put(ExpertSpec("big", "Recipes"))
    expert.put(ExpertSpec("big", "Recipes"))
    expert.remove()

    assert len(expert.pending) == 2
    with pytest.raises(ExpertNotFound):
        expert.remove()


def test_a_judgement_counts_once() -> None:
    case = RoutingCase(OrgId("a"), "route-1")
    case.judge(None)
    case.judge(None)
    case.judge("cooking")

    assert len(case.pending) == 2
