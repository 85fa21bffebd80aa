from __future__ import annotations

from itertools import count

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ryorin.contexts.knowledge.domain.ranking import rank
from ryorin.contexts.knowledge.probe import Newcomer, would_change
from ryorin.contexts.knowledge.queries import Candidate, ContextProbe, SearchFilter

LIMIT, TOP_K = 6, 3
# without a reranker, and with one that judges so many
POOLS = (None, 3, 5)
# the usual weight of vectors, and a collection's own
WEIGHTS = (None, 0.0, 0.8, 1.0)
NAMES = st.sets(st.sampled_from([f"d{number}" for number in range(14)]))
# a document has one chunk here: its dense and its lexical score
DOCUMENTS = st.dictionaries(
    st.sampled_from([f"d{number}" for number in range(14)]),
    st.tuples(st.integers(1, 1000), st.integers(0, 1000)),
    min_size=1,
)


def search(documents: dict[str, tuple[int, int]], ids: dict[str, int]) -> tuple[list[Candidate], list[Candidate]]:
    dense = [Candidate(ids[name], name, scores[0] / 10) for name, scores in documents.items()]
    lexical = [Candidate(ids[name], name, scores[1] / 1.0) for name, scores in documents.items() if scores[1] > 0]
    by_score = lambda entry: (-entry.score, entry.chunk_id)  # noqa: E731 - the order of both lists
    return sorted(dense, key=by_score)[:LIMIT], sorted(lexical, key=by_score)[:LIMIT]


def probe_of(
    dense: list[Candidate], lexical: list[Candidate], pool: int | None = None, weight: float | None = None
) -> ContextProbe:
    return ContextProbe(
        collection="c",
        filter=SearchFilter(),
        top_k=TOP_K,
        mode="fused",
        list_limit=LIMIT,
        lexicon_epoch=0,
        vectors=((1.0,),),
        term_ids=(1,),
        term_weights=(1.0,),
        dense=(tuple(dense),),
        lexical=tuple(lexical),
        pool=pool,
        dense_weight=weight,
    )


def context_of(dense: list[Candidate], lexical: list[Candidate], pool: int | None, weight: float | None) -> list[int]:
    """The first hits; a reranker judges each of its pool by the scores it has in the lists, here by their product."""
    ranking = [identifier for identifier, _ in rank([dense], lexical, weight)]
    if pool is None:
        return ranking[:TOP_K]
    by_dense = {entry.chunk_id: entry.score for entry in dense}
    by_words = {entry.chunk_id: entry.score for entry in lexical}
    judged = {one: by_dense.get(one, -7.0) * 3 + by_words.get(one, -11.0) for one in ranking[:pool]}
    return sorted(judged, key=lambda one: (-judged[one], one))[:TOP_K]


@settings(max_examples=600, deadline=None)
@given(
    DOCUMENTS,
    DOCUMENTS,
    st.sets(st.sampled_from([f"d{number}" for number in range(14)])),
    st.sampled_from(POOLS),
    st.sampled_from(WEIGHTS),
)
def test_a_context_that_changed_is_never_called_unchanged(
    before: dict[str, tuple[int, int]],
    put: dict[str, tuple[int, int]],
    deleted: set[str],
    pool: int | None,
    weight: float | None,
) -> None:
    numbers = count(1)
    ids = {name: next(numbers) for name in before}
    dense, lexical = search(before, ids)
    probe = probe_of(dense, lexical, pool, weight)
    context = context_of(dense, lexical, pool, weight)

    after = {name: scores for name, scores in before.items() if name not in deleted}
    after |= put
    new_ids = {name: next(numbers) if name in put else ids[name] for name in after}
    new_context = context_of(*search(after, new_ids), pool, weight)
    newcomers = [
        Newcomer(
            name,
            {"": np.array([scores[0] / 10], dtype=np.float32)},
            np.array([1], dtype=np.int32),
            np.array([scores[1]], dtype=np.float32),
            frozenset(),
            {},
        )
        for name, scores in put.items()
    ]

    if new_context != context:
        assert would_change(probe, newcomers, deleted | set(put))


def test_a_far_away_newcomer_changes_nothing() -> None:
    dense, lexical = search({f"d{n}": (900 - n, 900 - n) for n in range(8)}, {f"d{n}": n for n in range(8)})
    probe = probe_of(dense, lexical)
    far = Newcomer(
        "new",
        {"": np.array([0.1], dtype=np.float32)},
        np.array([2], dtype=np.int32),
        np.array([1.0], dtype=np.float32),
        frozenset(),
        {},
    )

    assert not would_change(probe, [far], {"new"})
