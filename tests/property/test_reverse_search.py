"""At a glance never too few: whatever would change a context is among what reverse search names."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ryorin.contexts.knowledge.outline import outline
from ryorin.contexts.knowledge.probe import Newcomer, would_change
from ryorin.contexts.knowledge.queries import Candidate, ContextProbe, SearchFilter
from ryorin.contexts.knowledge.reverse_search import Change, ReverseIndex
from ryorin.processes.probe_codec import decode_outline, encode_outline

MODEL = "m"
SCORES = st.integers(1, 1000)
NAMES = st.sampled_from([f"d{number}" for number in range(20)])
LIMITS = st.sampled_from([3, 6, 10])


@st.composite
def probes(draw: st.DrawFn) -> ContextProbe:
    """A search over some documents, of one chunk each, with one or two wordings."""
    limit = draw(LIMITS)
    documents, wordings = draw(st.lists(NAMES, unique=True, max_size=16)), draw(st.integers(1, 2))

    def entries() -> tuple[Candidate, ...]:
        found = [Candidate(number, name, draw(SCORES) / 1000) for number, name in enumerate(documents)]
        return tuple(sorted(found, key=lambda entry: -entry.score)[:limit])

    return ContextProbe(
        collection="c",
        filter=SearchFilter(tags=draw(st.sampled_from([(), ("t",)]))),
        top_k=2,
        mode="fused",
        list_limit=limit,
        lexicon_epoch=0,
        vectors=((1.0, 0.0),) * wordings,
        term_ids=(1, 5),
        term_weights=(1.0, 0.5),
        dense=tuple(entries() for _ in range(wordings)),
        lexical=entries(),
        pool=draw(st.sampled_from([None, 2, 4, 6])),
        model_id=MODEL,
    )


@st.composite
def newcomers(draw: st.DrawFn) -> Newcomer:
    # never just as good as a floor with its tolerance: products of other shapes round differently
    cosine = draw(SCORES) / 1000 + 0.0005
    terms = sorted(draw(st.sets(st.sampled_from([1, 5, 9]))))
    return Newcomer(
        document=draw(NAMES),
        vectors={MODEL: np.array([cosine, 0.1], dtype=np.float32)},
        term_ids=np.array(terms, dtype=np.int32),
        term_weights=np.array([draw(SCORES) / 1000 for _ in terms], dtype=np.float32),
        tags=frozenset(draw(st.sampled_from([(), ("t",)]))),
        metadata={},
    )


@settings(max_examples=1500, deadline=None)
@given(st.lists(probes(), max_size=6), st.lists(newcomers(), max_size=4), st.sets(NAMES, max_size=3))
def test_every_search_that_would_change_is_named(
    found: list[ContextProbe], fresh: list[Newcomer], gone: set[str]
) -> None:
    index = ReverseIndex()
    index.add(decode_outline(str(number), encode_outline(probe)) for number, probe in enumerate(found))
    removed = gone | {newcomer.document for newcomer in fresh}

    touched = set(index.touched(fresh, removed))

    assert touched >= {str(number) for number, probe in enumerate(found) if would_change(probe, fresh, removed)}


@given(probes())
def test_an_outline_survives_its_encoding(probe: ContextProbe) -> None:
    one, two = outline("k", probe), decode_outline("k", encode_outline(probe))

    assert (one.key, one.model_id, one.documents, one.filtered) == (two.key, two.model_id, two.documents, two.filtered)
    assert np.array_equal(one.vectors, two.vectors) and one.bounds == two.bounds
    assert np.array_equal(one.term_ids, two.term_ids) and np.array_equal(one.term_weights, two.term_weights)
    assert (one.lexical, one.pool_floor) == (two.lexical, two.pool_floor)


def test_a_replaced_search_is_named_by_its_newer_outline_only() -> None:
    far = Newcomer("new", {MODEL: np.array([0.1, 0], np.float32)}, np.zeros(0, np.int32), np.zeros(0), frozenset(), {})
    index = ReverseIndex()
    index.add([outline("k", searched(floor=0.05)), outline("other", searched(floor=0.5))])
    assert index.touched([far], ()) == ["k"]

    index.add([outline("k", searched(floor=0.5))])

    assert (index.touched([far], ()), len(index), index.dead) == ([], 2, 1)
    index.discard(["other"])
    assert (len(index), index.touched([], ["d0"])) == (1, ["k"])


def searched(floor: float, pool: int | None = 2) -> ContextProbe:
    dense = (Candidate(0, "d0", 0.9), Candidate(1, "d1", floor))
    return ContextProbe(
        "c", SearchFilter(), 1, "fused", 2, 0, ((1.0, 0.0),), (), (), (dense,), (), pool, model_id=MODEL
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(probes(), max_size=5), st.lists(st.tuples(st.lists(newcomers(), max_size=3), NAMES), max_size=4))
def test_changes_looked_at_together_name_what_each_names_alone(
    found: list[ContextProbe], changes: list[tuple[list[Newcomer], str]]
) -> None:
    index = ReverseIndex()
    index.add(outline(str(number), probe) for number, probe in enumerate(found))

    together = index.touched_each([Change(fresh, {name}) for fresh, name in changes])

    another = ReverseIndex()
    another.add(outline(str(number), probe) for number, probe in enumerate(found))
    assert together == [another.touched(fresh, {name}) for fresh, name in changes]


def test_a_newcomer_that_stays_behind_the_pool_names_nobody() -> None:
    near = Newcomer("new", {MODEL: np.array([0.3, 0], np.float32)}, np.zeros(0, np.int32), np.zeros(0), frozenset(), {})
    index = ReverseIndex()
    index.add([outline("first hit only", searched(0.05, pool=None)), outline("both", searched(0.05))])

    # it pushes out the second entry, which only the pool of two holds
    assert index.touched([near], ()) == ["both"]
