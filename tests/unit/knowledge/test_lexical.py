from __future__ import annotations

from ryorin.contexts.knowledge.domain.lexical import (
    TermStatistics,
    analyse,
    candidate_terms,
    chunk_weights,
    query_weights,
    term_id,
)


def score(query: str, text: str, statistics: TermStatistics | None = None) -> float:
    wanted = query_weights(query, statistics or TermStatistics())
    held = dict(zip(*(part.tolist() for part in _parts(chunk_weights(text, ""))), strict=True))
    return sum(weight * held.get(term, 0.0) for term, weight in zip(*map(list, _parts(wanted)), strict=True))


def _parts(vector):  # type: ignore[no-untyped-def]  # ids and weights
    return vector.ids, vector.weights


def test_japanese_becomes_pairs_of_characters_and_english_stemmed_words() -> None:
    assert analyse("東京都のOffices") == ["東京", "京都", "都の", "office"]


def test_full_width_and_half_width_forms_meet() -> None:
    assert analyse("ＦａｓｔＡＰＩ ｶﾀｶﾅ") == analyse("FastAPI カタカナ")


def test_parts_of_identifiers_are_found() -> None:
    assert {"background", "task", "max_retry", "retry"} <= set(analyse("BackgroundTasks max_retry"))


def test_rare_terms_count_more() -> None:
    statistics = TermStatistics(1000, {term_id("the"): 990, term_id("heron"): 3})

    assert score("the heron", "a heron", statistics) > score("the heron", "the the the", statistics)


def test_longer_texts_need_more_mentions() -> None:
    assert score("heron", "a heron") > score("heron", "a heron " + "and other words " * 100)


def test_common_terms_do_not_choose_candidates() -> None:
    statistics = TermStatistics(
        1000, {term_id("the"): 990, term_id("heron"): 3, term_id("lake"): 5, term_id("wide"): 9}
    )

    terms = candidate_terms(query_weights("the heron the wide lake", statistics), statistics)

    assert term_id("the") not in terms
    assert len(terms) == 3


def test_terms_that_would_find_too_many_chunks_are_passed_over() -> None:
    text = "zebra yak xenon walrus violin"
    names = {name: term_id(analyse(name)[0]) for name in text.split()}
    frequencies = dict(zip(names.values(), (5, 10, 20, 2990, 40), strict=True))
    statistics = TermStatistics(document_count=50_000, frequencies=frequencies)

    chosen = candidate_terms(query_weights(text, statistics), statistics)

    # the walrus is in 2,990 chunks: with it there would be more than 3,000
    assert set(chosen) == set(names.values()) - {names["walrus"]}
