from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ryorin.contexts.knowledge.domain.lexical import query_term_ids
from ryorin.contexts.knowledge.domain.relevance import (
    FEATURES,
    Evidence,
    QuestionTerms,
    RelevanceModel,
    features,
    with_freshness,
)


def asked(text: str) -> QuestionTerms:
    """Every term weighs 1."""
    return QuestionTerms.of(text, dict.fromkeys(query_term_ids(text), 1.0))


def seen(text: str, heading: str = "", dense: float | None = 0.5, lexical: float | None = 2.0) -> Evidence:
    return Evidence(heading, text, dense, lexical)


def values(question: str, evidence: Evidence) -> dict[str, float]:
    return dict(zip(FEATURES, features(asked(question), evidence), strict=True))


def test_coverage_counts_terms_of_text_and_headings() -> None:
    found = values("when does the office open", seen("It opens at nine. The doors open early.", heading="Office"))

    # "office" stands above, "the" and "open" below; "when" and "does" nowhere
    assert found["coverage"] == 3 / 5


def test_proximity_is_the_best_single_sentence() -> None:
    together = values("blue whale weight", seen("A ship passed. The weight of a blue whale is known."))
    apart = values("blue whale weight", seen("The sea is blue. A whale came. Its weight is known."))

    assert together["proximity"] == 1.0
    assert apart["proximity"] == 1 / 3
    assert together["coverage"] == apart["coverage"] == 1.0


def test_neighbours_of_the_question_count_when_they_are_neighbours_in_the_text() -> None:
    assert values("red panda", seen("A red panda sleeps."))["adjacency"] == 1.0
    assert values("red panda", seen("A panda in red."))["adjacency"] == 0.0
    # the end of a sentence stands between them
    assert values("red panda", seen("It was red. Panda food is bamboo."))["adjacency"] == 0.0


def test_japanese_is_compared_by_bigrams() -> None:
    near = values("開館時間", seen("図書館の開館時間は九時です。"))
    far = values("開館時間", seen("時間がない。会館へ行く。"))

    assert near["adjacency"] == near["coverage"] == 1.0
    assert far["coverage"] == 1 / 3


def test_a_candidate_that_is_in_no_dense_list_says_so() -> None:
    assert values("a", seen("a", dense=None))["dense_missing"] == 1.0
    assert values("a", seen("a", dense=0.0))["dense_missing"] == 0.0


def test_a_question_without_words_has_no_features_but_its_cosine() -> None:
    assert features(QuestionTerms.of("??", {}), seen("text", lexical=None)) == [0.5, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_a_model_gives_probabilities_that_rise_with_every_feature() -> None:
    model = RelevanceModel((1.0,) * len(FEATURES), bias=-3.0)

    assert 0 < model.probability([0.0] * 6) < model.probability([0.5] * 6) < model.probability([1.0] * 6) < 1
    assert model.probability([1e9] * 6) == 1.0


def test_newer_documents_gain_by_their_age_against_the_newest() -> None:
    newest = datetime(2026, 5, 1, tzinfo=UTC)
    ages = {1: newest, 2: newest - timedelta(days=30), 3: newest - timedelta(days=3000)}
    judged = dict.fromkeys(ages, 0.5)

    found = with_freshness(judged, ages, weight=2.0, half_life_days=30)
    later = with_freshness(judged, {key: at + timedelta(days=365) for key, at in ages.items()}, 2.0, 30)

    assert found[1] == pytest.approx(0.8808, abs=1e-4)
    assert found[2] == pytest.approx(0.7311, abs=1e-4)
    assert found[3] == pytest.approx(0.5, abs=1e-4)
    assert later == found
