from __future__ import annotations

from ryorin.contexts.knowledge.explanation import ListPlace, explain
from ryorin.contexts.knowledge.queries import (
    Candidate,
    ContextProbe,
    SearchFilter,
    SearchHit,
    SearchResult,
    StageScores,
)


def result(top_k: int, shown: tuple[int, ...]) -> SearchResult:
    """Two wordings and a list of words over chunks 1 to 4."""
    probe = ContextProbe(
        collection="docs",
        filter=SearchFilter(),
        top_k=top_k,
        mode="fused",
        list_limit=50,
        lexicon_epoch=1,
        vectors=((1.0,), (0.5,)),
        term_ids=(1,),
        term_weights=(1.0,),
        dense=((Candidate(1, "a", 0.8), Candidate(2, "b", 0.4)), (Candidate(2, "b", 0.5),)),
        lexical=(Candidate(1, "a", 9.0), Candidate(3, "c", 1.0)),
    )
    hits = tuple(SearchHit(number, "a", 1, "A", (), 0, "text", 0, 4, 1.0, StageScores()) for number in shown)
    return SearchResult(hits, probe, "hnsw", {})


def test_every_candidate_has_its_place_in_each_list_and_its_end() -> None:
    first, second, third = explain(result(top_k=1, shown=(1,)))

    assert (first.chunk_id, first.document, first.outcome) == (1, "a", "hit")
    assert first.dense == (ListPlace(1, 0.8), None)
    assert (first.lexical, first.fused.rank) == (ListPlace(1, 9.0), 1)
    assert (second.chunk_id, second.dense) == (2, (ListPlace(2, 0.4), ListPlace(1, 0.5)))
    assert (second.lexical, second.outcome) == (None, "below top_k")
    assert (third.chunk_id, third.lexical, third.outcome) == (3, ListPlace(2, 1.0), "below top_k")


def test_a_candidate_that_went_away_between_the_stages_is_told_apart() -> None:
    outcomes = [path.outcome for path in explain(result(top_k=2, shown=(1,)))]

    assert outcomes == ["hit", "gone meanwhile", "below top_k"]
