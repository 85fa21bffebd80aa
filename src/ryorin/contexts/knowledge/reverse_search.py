"""Reverse search: which of many earlier searches might find something else, now that chunks came or went? (ADR-0010)

Says yes too often rather than too seldom: whoever asks goes on to `probe.would_change` for those it names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.ranking import rank, weights_of
from ryorin.contexts.knowledge.probe import DENSE_TOLERANCE, LEXICAL_TOLERANCE, Newcomer, depth_of
from ryorin.contexts.knowledge.queries import Candidate, ContextProbe

N = TypeVar("N", bound=np.generic)

# newcomers compared with all probes at a time: what is computed between stays below 50 MB with 100,000 probes
BLOCK = 128
# beyond any cosine: a list that is not full lets everything in
OPEN = -2.0
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class ListBounds:
    """What decides whether a newcomer to one list of candidates matters.

    It must beat `floor` to enter; beyond `top` it changes everyone's share of the best score; when more than `spare`
    come, they push out an entry of the context's pool. `weight` is what the list counts in fusion.
    """

    floor: float
    top: float
    spare: int
    weight: float


@dataclass(frozen=True, slots=True)
class ProbeOutline:
    """What decides at a glance whether a change may touch a search.

    `vectors` (lists, dimensions) are the dense probes with their `bounds`; `lexical` those of `term_ids` and
    `term_weights`. `pool_floor` is the fused score that a newcomer must have to enter the context's pool, -1 when the
    pool is not full. `documents` are those of every candidate; `filtered` tells that tags or metadata decide who takes
    part.
    """

    key: str
    model_id: str
    vectors: NDArray[np.float32]
    bounds: tuple[ListBounds, ...]
    term_ids: NDArray[np.int32]
    term_weights: NDArray[np.float32]
    lexical: ListBounds
    pool_floor: float
    documents: frozenset[str]
    filtered: bool


def outline(key: str, probe: ContextProbe) -> ProbeOutline:
    """The outline of a probe."""
    entries = [entry for candidates in (*probe.dense, probe.lexical) for entry in candidates]
    vectors = np.array(probe.vectors, dtype=np.float32)
    depth = depth_of(probe)
    ranking = rank(probe.dense, probe.lexical, probe.dense_weight)
    pool = {identifier for identifier, _ in ranking[:depth]}
    dense_weight, lexical_weight = weights_of(len(probe.dense), probe.dense_weight)
    return ProbeOutline(
        key=key,
        model_id=probe.model_id,
        vectors=vectors if len(vectors) else np.zeros((0, 0), dtype=np.float32),
        bounds=tuple(_bounds(found, probe.list_limit, OPEN, pool, dense_weight) for found in probe.dense),
        term_ids=np.array(probe.term_ids, dtype=np.int32),
        term_weights=np.array(probe.term_weights, dtype=np.float32),
        lexical=_bounds(probe.lexical, probe.list_limit, 0.0, pool, lexical_weight),
        pool_floor=ranking[depth - 1][1] if len(ranking) >= depth else -1.0,
        documents=frozenset(entry.document for entry in entries),
        filtered=bool(probe.filter.tags or probe.filter.metadata),
    )


def _bounds(
    entries: Sequence[Candidate], limit: int, otherwise: float, pool: Collection[int], weight: float
) -> ListBounds:
    # as many may come as there is room, and then as many as stand behind the last one of the pool
    behind = next((at for at, entry in enumerate(reversed(entries)) if entry.chunk_id in pool), len(entries))
    full = len(entries) >= limit
    return ListBounds(
        floor=entries[-1].score if full else otherwise,
        top=entries[0].score if entries else 0.0,
        spare=max(0, limit - len(entries)) + behind,
        weight=weight,
    )


@dataclass(frozen=True, slots=True)
class Change:
    """Chunks that came, and documents whose earlier chunks are gone."""

    newcomers: Sequence[Newcomer]
    removed: Collection[str]


class _Rows(Generic[N]):
    """An array that grows."""

    def __init__(self, kind: type[N], width: int | None = None) -> None:
        self._rows: NDArray[N] = np.zeros((64,) if width is None else (64, width), dtype=kind)
        self._count = 0

    def add(self, rows: NDArray[np.generic]) -> None:
        """Put rows behind the others."""
        end = self._count + len(rows)
        if end > len(self._rows):
            larger = np.zeros((max(end, 2 * len(self._rows)), *self._rows.shape[1:]), dtype=self._rows.dtype)
            larger[: self._count] = self._rows[: self._count]
            self._rows = larger
        self._rows[self._count : end] = rows
        self._count = end

    @property
    def all(self) -> NDArray[N]:
        """What was added."""
        return self._rows[: self._count]


class _Bounds:
    """The bounds of many lists, a column for each."""

    def __init__(self) -> None:
        self._rows = _Rows(np.float32, 4)

    def add(self, bounds: Sequence[ListBounds]) -> None:
        rows = [(one.floor, one.top, one.spare, one.weight) for one in bounds]
        self._rows.add(np.array(rows, dtype=np.float32).reshape(len(rows), 4))

    @property
    def floors(self) -> NDArray[np.float32]:
        return self._rows.all[:, 0]

    def judge(self, which: NDArray[np.int64], scores: NDArray[np.float32]) -> _Entering:
        """What newcomers with these scores (newcomers, lists) do to lists, which then have less to spare."""
        floors, tops, spare, weights = self._rows.all[which].T
        enters = scores > floors
        shares = np.where(enters, weights * np.maximum(scores, 0) / np.maximum(tops, TINY), 0)
        self._rows.all[which, 2] -= enters.sum(axis=0)
        return _Entering(shares, (scores > tops).any(axis=0) | (enters.sum(axis=0) > spare))

    def open(self, rows: slice, floor: float) -> None:
        """From here on everything enters these lists."""
        self._rows.all[rows, 0] = floor

    def exhausted(self, rows: slice) -> bool:
        """Whether more newcomers have entered one of these lists than it had to spare."""
        return bool((self._rows.all[rows, 2] < 0).any())


@dataclass(frozen=True, slots=True)
class _Entering:
    """What newcomers gain in lists (newcomers, lists), and which lists change for others too."""

    gains: NDArray[np.float32]
    disturbed: NDArray[np.bool_]


@dataclass(slots=True)
class _Lists:
    """The dense lists of all probes of one model."""

    vectors: _Rows[np.float32]
    owners: _Rows[np.int32] = field(default_factory=lambda: _Rows(np.int32))
    bounds: _Bounds = field(default_factory=_Bounds)

    def add(self, one: ProbeOutline, owner: int) -> slice:
        """Put the lists of one probe behind the others; their rows."""
        first = len(self.owners.all)
        self.vectors.add(one.vectors)
        self.owners.add(np.full(len(one.vectors), owner, dtype=np.int32))
        self.bounds.add(one.bounds)
        return slice(first, len(self.owners.all))

    def entered(self, newcomers: NDArray[np.float32], ends: Sequence[int]) -> list[_Touched]:
        """The lists that newcomers enter, for each stretch of newcomers up to one of `ends`.

        Stretches share matrix products, since reading the probes is what takes the time.
        """
        known, floors = self.vectors.all, self.bounds.floors
        found: list[_Touched] = []
        first, scores, begun = 0, np.zeros((0, len(known)), dtype=np.float32), 0
        for last in ends:
            if last > begun + len(scores):
                begun, stop = first, max(last, first + BLOCK)
                scores = newcomers[begun:stop] @ known.T + DENSE_TOLERANCE
            part = scores[first - begun : last - begun]
            which = np.flatnonzero((part > floors).any(axis=0)) if len(part) else np.zeros(0, dtype=np.int64)
            found.append(_Touched(self.owners.all[which], self.bounds.judge(which, part[:, which])))
            first = last
        return found


@dataclass(frozen=True, slots=True)
class _Touched:
    """Lists that newcomers enter, by the numbers of their probes."""

    owners: NDArray[np.int32]
    entering: _Entering


@dataclass(slots=True)
class _Postings:
    """The probes that hold a term, with its weight in each."""

    owners: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """Keys of the searches that a change may touch, and of those whose lists its newcomers enter at all."""

    named: tuple[str, ...]
    entered: frozenset[str]


class ReverseIndex:
    """Outlines of searches, to be asked which of them a change may touch.

    It remembers what has come since an outline was made. A search that was judged unchanged while its lists did change,
    or whose lists were entered more often than they had to spare, is `unsure`: nobody can tell from its probe any more.
    """

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._numbers: dict[str, int] = {}
        self._lists: dict[str, _Lists] = {}
        self._postings: dict[int, _Postings] = {}
        self._lexical = _Bounds()
        self._pool_floors = _Rows(np.float32)
        self._documents: dict[str, set[int]] = {}
        self._filtered: set[int] = set()
        self._rows_of: dict[int, tuple[str, slice]] = {}
        self._unsure: set[int] = set()

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def dead(self) -> int:
        """Outlines that were replaced or dropped and still take room."""
        return len(self._keys) - len(self._numbers)

    def add(self, outlines: Iterable[ProbeOutline]) -> None:
        """Take outlines in; one with a known key replaces the earlier one."""
        for one in outlines:
            number = len(self._keys)
            self._keys.append(one.key)
            self._numbers[one.key] = number
            self._lexical.add([one.lexical])
            self._pool_floors.add(np.array([one.pool_floor], dtype=np.float32))
            if len(one.vectors):
                self._rows_of[number] = one.model_id, self._lists_of(one).add(one, number)
            for term, weight in zip(one.term_ids.tolist(), one.term_weights.tolist(), strict=True):
                postings = self._postings.setdefault(term, _Postings())
                postings.owners.append(number)
                postings.weights.append(weight)
            for document in one.documents:
                self._documents.setdefault(document, set()).add(number)
            if one.filtered:
                self._filtered.add(number)

    def _lists_of(self, one: ProbeOutline) -> _Lists:
        if one.model_id not in self._lists:
            self._lists[one.model_id] = _Lists(_Rows(np.float32, one.vectors.shape[1]))
        return self._lists[one.model_id]

    def distrust(self, keys: Iterable[str]) -> None:
        """What these searches' lists hold is no longer what their outlines say: whatever comes near names them."""
        for key in keys:
            number = self._numbers.get(key)
            if number is None:
                continue
            self._unsure.add(number)
            self._lexical.open(slice(number, number + 1), 0.0)
            if number in self._rows_of:
                model_id, rows = self._rows_of[number]
                self._lists[model_id].bounds.open(rows, OPEN)

    def unsure(self, key: str) -> bool:
        """Whether a search cannot be judged by its probe any more."""
        number = self._numbers.get(key)
        if number is None or number in self._unsure or self._lexical.exhausted(slice(number, number + 1)):
            return True
        if number not in self._rows_of:
            return False
        model_id, rows = self._rows_of[number]
        return self._lists[model_id].bounds.exhausted(rows)

    def discard(self, keys: Iterable[str]) -> None:
        """Forget searches."""
        for key in keys:
            self._numbers.pop(key, None)

    def touched(self, newcomers: Sequence[Newcomer], removed: Collection[str]) -> list[str]:
        """Keys of searches that may find something else: never one too few."""
        return self.touched_each([Change(newcomers, removed)])[0]

    def touched_each(self, changes: Sequence[Change]) -> list[list[str]]:
        """As `touched`, for many changes at a time."""
        return [list(found.named) for found in self.look(changes)]

    def look(self, changes: Sequence[Change]) -> list[Look]:
        """Which searches each of these changes may touch."""
        dense: list[list[_Touched]] = [[] for _ in changes]
        unknown: list[set[int]] = [set() for _ in changes]
        for model_id, lists in self._lists.items():
            if any(model_id not in one.vectors for change in changes for one in change.newcomers):
                # a vector that is not made yet may be anything
                for numbers, change in zip(unknown, changes, strict=True):
                    numbers.update(lists.owners.all.tolist() if change.newcomers else ())
                continue
            vectors = [one.vectors[model_id] for change in changes for one in change.newcomers]
            if vectors:
                ends = list(accumulate(len(change.newcomers) for change in changes))
                for touched, found in zip(dense, lists.entered(np.stack(vectors), ends), strict=True):
                    touched.append(found)
        looks = []
        for change, numbers, touched in zip(changes, unknown, dense, strict=True):
            entered, reached = self._entered(change.newcomers, touched)
            named = self._alive(self._mentioning(change.removed) | numbers | reached)
            looks.append(Look(tuple(named), frozenset(self._alive(numbers | entered))))
        return looks

    def _entered(self, newcomers: Sequence[Newcomer], dense: Sequence[_Touched]) -> tuple[set[int], set[int]]:
        """Probes whose lists newcomers enter; and of these the ones whose pool they may enter or disturb.

        A newcomer that stays behind the pool and pushes out nobody of it changes nothing, however near it is.
        """
        if not newcomers:
            return set(), set()
        scores = self._lexical_scores(newcomers)
        beaten = np.flatnonzero(((scores > self._lexical.floors) & (scores > 0)).any(axis=0))
        owners = np.unique(np.concatenate([beaten, *(touched.owners for touched in dense)]))
        lexical = self._lexical.judge(owners, np.where(scores[:, owners] > 0, scores[:, owners], -1))
        gains, disturbed = lexical.gains, lexical.disturbed
        for touched in dense:
            at = np.searchsorted(owners, touched.owners)
            np.add.at(gains.T, at, touched.entering.gains.T)
            np.logical_or.at(disturbed, at, touched.entering.disturbed)
        enters = (gains + TINY >= self._pool_floors.all[owners]).any(axis=0)
        reached = owners[enters | disturbed].tolist()
        return set(owners.tolist()), {*reached, *self._unsure.intersection(owners.tolist())}

    def _mentioning(self, documents: Collection[str]) -> set[int]:
        return set().union(*(self._documents.get(document, set()) for document in documents))

    def described(self, document: str) -> list[str]:
        """Keys of searches that may find something else, now that a document has other tags, metadata or title."""
        return self._alive(self._filtered | self._documents.get(document, set()))

    def _alive(self, numbers: set[int]) -> list[str]:
        return [self._keys[number] for number in sorted(numbers) if self._numbers.get(self._keys[number]) == number]

    def _lexical_scores(self, newcomers: Sequence[Newcomer]) -> NDArray[np.float32]:
        arrays: dict[int, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
        nothing = np.zeros(len(self._keys), dtype=np.float32)
        found = [self._scores(newcomer, arrays) for newcomer in newcomers]
        return np.stack([nothing if one is None else one for one in found]) * np.float32(1 + LEXICAL_TOLERANCE)

    def _scores(
        self, newcomer: Newcomer, arrays: dict[int, tuple[NDArray[np.int64], NDArray[np.float32]]]
    ) -> NDArray[np.float32] | None:
        shared = [
            (term, weight)
            for term, weight in zip(newcomer.term_ids.tolist(), newcomer.term_weights.tolist(), strict=True)
            if term in self._postings
        ]
        if not shared:
            return None
        for term, _ in shared:
            if term not in arrays:
                postings = self._postings[term]
                arrays[term] = (np.array(postings.owners), np.array(postings.weights, dtype=np.float32))
        owners = np.concatenate([arrays[term][0] for term, _ in shared])
        weights = np.concatenate([arrays[term][1] * np.float32(weight) for term, weight in shared])
        scores: NDArray[np.float32] = np.bincount(owners, weights=weights, minlength=len(self._keys)).astype(np.float32)
        return scores
