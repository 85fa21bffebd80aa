"""Reverse search: which of many earlier searches might find something else, now that chunks came or went? (ADR-0010)

Says yes too often rather than too seldom: whoever asks goes on to `probe.would_change` for those it names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.coarse import ByteProducts, NumpyProducts, Rows, against, beyond, rounded
from ryorin.contexts.knowledge.outline import OPEN, ListBounds, ProbeOutline
from ryorin.contexts.knowledge.probe import DENSE_TOLERANCE, LEXICAL_TOLERANCE, Newcomer
from ryorin.contexts.knowledge.rows import GrowingRows

# lists that are compared with newcomers at a time
TILE = 1024
# and exactly, of those that come near
BLOCK = 256
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Change:
    """Chunks that came, and documents whose earlier chunks are gone."""

    newcomers: Sequence[Newcomer]
    removed: Collection[str]


class _Bounds:
    """The bounds of many lists, a column for each."""

    def __init__(self) -> None:
        self._rows = GrowingRows(np.float32, 4)

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

    @property
    def exhausted(self) -> NDArray[np.bool_]:
        """Whether more newcomers have entered a list than it had to spare, of each."""
        exhausted: NDArray[np.bool_] = self._rows.all[:, 2] < 0
        return exhausted


@dataclass(frozen=True, slots=True)
class _Entering:
    """What newcomers gain in lists (newcomers, lists), and which lists change for others too."""

    gains: NDArray[np.float32]
    disturbed: NDArray[np.bool_]


class _Lists:
    """The dense lists of all probes of one model."""

    def __init__(self, dimensions: int, products: ByteProducts) -> None:
        self.vectors = GrowingRows(np.float32, dimensions)
        self.owners = GrowingRows(np.int32)
        self.bounds = _Bounds()
        self._products = products
        # the same vectors as bytes: scale, what is lost, length
        self._cells = GrowingRows(np.uint8, dimensions)
        self._rounding = GrowingRows(np.float32, 3)
        self._block = np.empty((BLOCK, dimensions), dtype=np.float32)

    def add(self, one: ProbeOutline, owner: int) -> slice:
        """Put the lists of one probe behind the others; their rows."""
        first = len(self.owners.all)
        self.vectors.add(one.vectors)
        self.owners.add(np.full(len(one.vectors), owner, dtype=np.int32))
        self.bounds.add(one.bounds)
        return slice(first, len(self.owners.all))

    def entered(self, newcomers: NDArray[np.float32], ends: Sequence[int]) -> list[_Touched]:
        """The lists that newcomers enter, for each stretch of newcomers up to one of `ends`."""
        near = self._near(newcomers, ends)
        return [
            self._touched(rows, newcomers[first:last])
            for rows, (first, last) in zip(near, pairwise((0, *ends)), strict=True)
        ]

    def _near(self, newcomers: NDArray[np.float32], ends: Sequence[int]) -> list[NDArray[np.int64]]:
        """The lists that newcomers of each stretch may enter, by what can be seen at a glance."""
        floors = self.bounds.floors - np.float32(DENSE_TOLERANCE)
        others, count = against(newcomers, self._products.largest), len(ends)
        stretches = np.searchsorted(np.array(ends), np.arange(len(newcomers)), side="right")
        near = np.zeros((count, len(floors)), dtype=np.bool_)
        for begun in range(0, len(floors), TILE):
            part = slice(begun, begun + TILE)
            rows = Rows(self._cells.all[part], *np.ascontiguousarray(self._rounding.all[part].T))
            lists, columns = beyond(rows, others, floors[part], self._products)
            near[stretches[columns], begun + lists] = True
        return [np.flatnonzero(one) for one in near]

    def round(self) -> None:
        """Make bytes of what was added."""
        done = len(self._cells.all)
        for first in range(done, len(self.vectors.all), TILE):
            rows = rounded(self.vectors.all[first : first + TILE])
            self._cells.add(rows.cells)
            self._rounding.add(np.stack([rows.scales, rows.lost, rows.lengths], axis=1))

    def _touched(self, near: NDArray[np.int64], newcomers: NDArray[np.float32]) -> _Touched:
        scores = self._scores(near, newcomers) + np.float32(DENSE_TOLERANCE)
        enters = (scores > self.bounds.floors[near]).any(axis=0)
        which = near[enters]
        return _Touched(self.owners.all[which], self.bounds.judge(which, scores[:, enters]))

    def _scores(self, near: NDArray[np.int64], newcomers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Inner products (newcomers, lists); of as many lists at a time as the processor's cache holds."""
        scores = np.empty((len(near), len(newcomers)), dtype=np.float32)
        columns = np.ascontiguousarray(newcomers.T)
        for begun in range(0, len(near), BLOCK):
            which = near[begun : begun + BLOCK]
            block = self._block[: len(which)]
            # clip: every number is one of a list, and nothing is checked or copied twice
            np.take(self.vectors.all, which, axis=0, out=block, mode="clip")
            np.matmul(block, columns, out=scores[begun : begun + BLOCK])
        return scores.T


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
    # the same as arrays, made when they are asked for
    arrays: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None

    def add(self, owner: int, weight: float) -> None:
        self.owners.append(owner)
        self.weights.append(weight)
        self.arrays = None

    def all(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Owners and weights."""
        if self.arrays is None:
            self.arrays = np.array(self.owners, dtype=np.int64), np.array(self.weights, dtype=np.float32)
        return self.arrays


@dataclass(frozen=True, slots=True)
class Entered:
    """The searches whose lists newcomers enter: thousands, of which few are asked for."""

    owners: NDArray[np.int64]
    numbers: Mapping[str, int]

    def __contains__(self, key: str) -> bool:
        number = self.numbers.get(key, -1)
        at = int(np.searchsorted(self.owners, number))
        return at < len(self.owners) and int(self.owners[at]) == number


@dataclass(frozen=True, slots=True)
class Look:
    """Keys of the searches that a change may touch, and the searches whose lists its newcomers enter at all."""

    named: tuple[str, ...]
    entered: Entered


class ReverseIndex:
    """Outlines of searches, to be asked which of them a change may touch.

    It remembers what has come since an outline was made. A search that was judged unchanged while its lists did change,
    or whose lists were entered more often than they had to spare, is `unsure`: nobody can tell from its probe any more.
    """

    def __init__(self, products: ByteProducts | None = None) -> None:
        self._products = products or NumpyProducts()
        self._keys: list[str] = []
        self._numbers: dict[str, int] = {}
        self._lists: dict[str, _Lists] = {}
        self._postings: dict[int, _Postings] = {}
        self._lexical = _Bounds()
        self._pool_floors = GrowingRows(np.float32)
        self._documents: dict[str, set[int]] = {}
        self._filtered: set[int] = set()
        self._rows_of: dict[int, tuple[str, slice]] = {}
        self._unsure = GrowingRows(np.bool_)
        self._alive = GrowingRows(np.bool_)

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
            self.discard([one.key])
            self._numbers[one.key] = number
            self._alive.add(np.array([True]))
            self._unsure.add(np.array([False]))
            self._lexical.add([one.lexical])
            self._pool_floors.add(np.array([one.pool_floor], dtype=np.float32))
            if len(one.vectors):
                self._rows_of[number] = one.model_id, self._lists_of(one).add(one, number)
            for term, weight in zip(one.term_ids.tolist(), one.term_weights.tolist(), strict=True):
                self._postings.setdefault(term, _Postings()).add(number, weight)
            for document in one.documents:
                self._documents.setdefault(document, set()).add(number)
            if one.filtered:
                self._filtered.add(number)
        for lists in self._lists.values():
            lists.round()

    def _lists_of(self, one: ProbeOutline) -> _Lists:
        if one.model_id not in self._lists:
            self._lists[one.model_id] = _Lists(one.vectors.shape[1], self._products)
        return self._lists[one.model_id]

    def distrust(self, keys: Iterable[str]) -> None:
        """What these searches' lists hold is no longer what their outlines say: whatever comes near names them."""
        for key in keys:
            number = self._numbers.get(key)
            if number is None:
                continue
            self._unsure.all[number] = True
            self._lexical.open(slice(number, number + 1), 0.0)
            if number in self._rows_of:
                model_id, rows = self._rows_of[number]
                self._lists[model_id].bounds.open(rows, OPEN)

    def unsure(self, keys: Iterable[str]) -> set[str]:
        """The searches among these that cannot be judged by their probes any more."""
        doubtful = self._unsure.all | self._lexical.exhausted
        for lists in self._lists.values():
            doubtful[lists.owners.all[lists.bounds.exhausted]] = True
        unknown = len(self._keys)
        numbers = {key: self._numbers.get(key, unknown) for key in keys}
        return {key for key, number in numbers.items() if number == unknown or doubtful[number]}

    def discard(self, keys: Iterable[str]) -> None:
        """Forget searches."""
        for key in keys:
            number = self._numbers.pop(key, None)
            if number is not None:
                self._alive.all[number] = False

    def touched(self, newcomers: Sequence[Newcomer], removed: Collection[str]) -> list[str]:
        """Keys of searches that may find something else: never one too few."""
        return self.touched_each([Change(newcomers, removed)])[0]

    def touched_each(self, changes: Sequence[Change]) -> list[list[str]]:
        """As `touched`, for many changes at a time."""
        return [list(found.named) for found in self.look(changes)]

    def look(self, changes: Sequence[Change]) -> Iterator[Look]:
        """Which searches each of these changes may touch, one after the other.

        All of them have to be taken: what they do to the lists is remembered with each.
        """
        dense: list[list[_Touched]] = [[] for _ in changes]
        unknown: list[list[NDArray[np.int32]]] = [[] for _ in changes]
        for model_id, lists in self._lists.items():
            if any(model_id not in one.vectors for change in changes for one in change.newcomers):
                # a vector that is not made yet may be anything
                for owners, change in zip(unknown, changes, strict=True):
                    owners += [lists.owners.all] if change.newcomers else []
                continue
            vectors = [one.vectors[model_id] for change in changes for one in change.newcomers]
            if vectors:
                ends = list(accumulate(len(change.newcomers) for change in changes))
                for touched, found in zip(dense, lists.entered(np.stack(vectors), ends), strict=True):
                    touched.append(found)
        for change, anyway, touched in zip(changes, unknown, dense, strict=True):
            entered, reached = self._entered(change.newcomers, touched)
            named = self._living(np.array(sorted(self._mentioning(change.removed)), dtype=np.int64), *anyway, reached)
            keys = tuple(self._keys[number] for number in named.tolist())
            yield Look(keys, Entered(self._living(*anyway, entered), self._numbers))

    def _entered(
        self, newcomers: Sequence[Newcomer], dense: Sequence[_Touched]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Probes whose lists newcomers enter; and of these the ones whose pool they may enter or disturb.

        A newcomer that stays behind the pool and pushes out nobody of it changes nothing, however near it is.
        """
        if not newcomers:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        sharing, scores = self._lexical_scores(newcomers)
        beaten = ((scores > self._lexical.floors[sharing]) & (scores > 0)).any(axis=0)
        # marks, not sorting: thousands are touched, and these lines are what a change costs beside the products
        marked = np.zeros(len(self._keys), dtype=np.bool_)
        marked[sharing[beaten]] = True
        for touched in dense:
            marked[touched.owners] = True
        owners = np.flatnonzero(marked)
        # of an owner that shares no term no lexical list is entered
        of_owners = np.full((len(newcomers), len(owners)), -1, dtype=np.float32)
        both = marked[sharing]
        shared = scores[:, both]
        of_owners[:, np.searchsorted(owners, sharing[both])] = np.where(shared > 0, shared, -1)
        lexical = self._lexical.judge(owners, of_owners)
        gains, disturbed = lexical.gains, lexical.disturbed
        for touched in dense:
            at = np.searchsorted(owners, touched.owners)
            if (at[1:] > at[:-1]).all():
                gains[:, at] += touched.entering.gains
                disturbed[at] |= touched.entering.disturbed
            else:
                # several wordings of one search
                np.add.at(gains.T, at, touched.entering.gains.T)
                np.logical_or.at(disturbed, at, touched.entering.disturbed)
        enters = (gains + TINY >= self._pool_floors.all[owners]).any(axis=0)
        return owners, owners[enters | disturbed | self._unsure.all[owners]]

    def _mentioning(self, documents: Collection[str]) -> set[int]:
        return set().union(*(self._documents.get(document, set()) for document in documents))

    def described(self, document: str) -> list[str]:
        """Keys of searches that may find something else, now that a document has other tags, metadata or title."""
        numbers = self._filtered | self._documents.get(document, set())
        return [self._keys[number] for number in sorted(numbers) if self._alive.all[number]]

    def _living(self, *owners: NDArray[np.integer]) -> NDArray[np.int64]:
        """The probes among these that are still asked about, each once, in order."""
        marked = np.zeros(len(self._keys), dtype=np.bool_)
        for numbers in owners:
            marked[numbers] = True
        return np.flatnonzero(marked & self._alive.all)

    def _lexical_scores(self, newcomers: Sequence[Newcomer]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The probes that share a term with any newcomer, in order, and their scores (newcomers, probes)."""
        shared = [
            (row, weight, self._postings[term].all())
            for row, newcomer in enumerate(newcomers)
            for term, weight in zip(newcomer.term_ids.tolist(), newcomer.term_weights.tolist(), strict=True)
            if term in self._postings
        ]
        if not shared:
            return np.zeros(0, dtype=np.int64), np.zeros((len(newcomers), 0), dtype=np.float32)
        rows, factors, postings = zip(*shared, strict=True)
        lengths = [len(owners) for owners, _ in postings]
        owners = np.concatenate([owners for owners, _ in postings])
        marked = np.zeros(len(self._keys), dtype=np.bool_)
        marked[owners] = True
        sharing = np.flatnonzero(marked)
        # where each stands among them
        places = np.zeros(len(self._keys), dtype=np.int64)
        places[sharing] = np.arange(len(sharing))
        weights = np.concatenate([weights for _, weights in postings])
        weights *= np.repeat(np.array(factors, dtype=np.float32), lengths)
        cells = np.repeat(np.array(rows) * len(sharing), lengths) + places[owners]
        summed = np.bincount(cells, weights=weights, minlength=len(newcomers) * len(sharing))
        scores = summed.astype(np.float32).reshape(len(newcomers), len(sharing))
        return sharing, scores * np.float32(1 + LEXICAL_TOLERANCE)
