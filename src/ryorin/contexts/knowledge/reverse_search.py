"""Reverse search: which of many earlier searches might find something else, now that chunks came or went? (ADR-0010)

Says yes too often rather than too seldom: whoever asks goes on to `probe.would_change` for those it names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.probe import DENSE_TOLERANCE, LEXICAL_TOLERANCE, Newcomer
from ryorin.contexts.knowledge.queries import Candidate, ContextProbe

N = TypeVar("N", bound=np.generic)

# newcomers compared with all probes at a time: what is computed between stays below 50 MB with 100,000 probes
BLOCK = 128
# beyond any cosine: a list that is not full lets everything in
OPEN = -2.0


@dataclass(frozen=True, slots=True)
class ProbeOutline:
    """What decides at a glance whether a change may touch a search.

    `vectors` (lists, dimensions) are the dense probes, `floors` what a newcomer must beat in each list; `lexical_floor`
    likewise for `term_ids` and `term_weights`. `documents` are those of every candidate; `filtered` tells that tags or
    metadata decide who takes part.
    """

    key: str
    model_id: str
    vectors: NDArray[np.float32]
    floors: NDArray[np.float32]
    term_ids: NDArray[np.int32]
    term_weights: NDArray[np.float32]
    lexical_floor: float
    documents: frozenset[str]
    filtered: bool


def outline(key: str, probe: ContextProbe) -> ProbeOutline:
    """The outline of a probe."""
    entries = [entry for candidates in (*probe.dense, probe.lexical) for entry in candidates]
    vectors = np.array(probe.vectors, dtype=np.float32)
    return ProbeOutline(
        key=key,
        model_id=probe.model_id,
        vectors=vectors if len(vectors) else np.zeros((0, 0), dtype=np.float32),
        floors=np.array([_floor(found, probe.list_limit, OPEN) for found in probe.dense], dtype=np.float32),
        term_ids=np.array(probe.term_ids, dtype=np.int32),
        term_weights=np.array(probe.term_weights, dtype=np.float32),
        lexical_floor=_floor(probe.lexical, probe.list_limit, 0.0),
        documents=frozenset(entry.document for entry in entries),
        filtered=bool(probe.filter.tags or probe.filter.metadata),
    )


def _floor(entries: Sequence[Candidate], limit: int, otherwise: float) -> float:
    return entries[-1].score if len(entries) >= limit else otherwise


@dataclass(frozen=True, slots=True)
class Change:
    """Chunks that came, and documents whose earlier chunks are gone."""

    newcomers: Sequence[Newcomer]
    removed: Collection[str]


@dataclass(slots=True)
class _Lists:
    """The dense lists of all probes of one model; rows beyond `count` are room to grow."""

    vectors: NDArray[np.float32]
    floors: NDArray[np.float32]
    owners: NDArray[np.int32]
    count: int = 0

    def add(self, vectors: NDArray[np.float32], floors: NDArray[np.float32], owner: int) -> None:
        end = self.count + len(vectors)
        if end > len(self.vectors):
            room = max(end, 2 * len(self.vectors))
            self.vectors = _grown(self.vectors, room)
            self.floors = _grown(self.floors, room)
            self.owners = _grown(self.owners, room)
        self.vectors[self.count : end] = vectors
        self.floors[self.count : end] = floors
        self.owners[self.count : end] = owner
        self.count = end

    def touched(self, newcomers: NDArray[np.float32], ends: Sequence[int]) -> list[list[int]]:
        """The owners of lists that newcomers enter, for each stretch of newcomers up to one of `ends`.

        All stretches of a block share one matrix product, since reading the probes is what takes the time.
        """
        known, floors, owners = self.vectors[: self.count], self.floors[: self.count], self.owners[: self.count]
        best = np.full((len(ends), self.count), -np.inf, dtype=np.float32)
        starts = (0, *ends[:-1])
        for start in range(0, len(newcomers), BLOCK):
            scores = newcomers[start : start + BLOCK] @ known.T
            for number, (first, last) in enumerate(zip(starts, ends, strict=True)):
                part = scores[max(0, first - start) : max(0, last - start)]
                if len(part):
                    np.maximum(best[number], part.max(axis=0), out=best[number])
        return [owners[row + DENSE_TOLERANCE > floors].tolist() for row in best]


def _grown(rows: NDArray[N], room: int) -> NDArray[N]:
    larger = np.zeros((room, *rows.shape[1:]), dtype=rows.dtype)
    larger[: len(rows)] = rows
    return larger


@dataclass(slots=True)
class _Postings:
    """The probes that hold a term, with its weight in each."""

    owners: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)


class ReverseIndex:
    """Outlines of searches, to be asked which of them a change may touch."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._numbers: dict[str, int] = {}
        self._lists: dict[str, _Lists] = {}
        self._postings: dict[int, _Postings] = {}
        self._lexical_floors: list[float] = []
        self._documents: dict[str, set[int]] = {}
        self._filtered: set[int] = set()

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
            self._lexical_floors.append(one.lexical_floor)
            if len(one.vectors):
                self._lists_of(one).add(one.vectors, one.floors, number)
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
            dimensions = one.vectors.shape[1]
            self._lists[one.model_id] = _Lists(
                np.zeros((64, dimensions), dtype=np.float32),
                np.zeros(64, dtype=np.float32),
                np.zeros(64, dtype=np.int32),
            )
        return self._lists[one.model_id]

    def discard(self, keys: Iterable[str]) -> None:
        """Forget searches."""
        for key in keys:
            self._numbers.pop(key, None)

    def touched(self, newcomers: Sequence[Newcomer], removed: Collection[str]) -> list[str]:
        """Keys of searches that may find something else: never one too few."""
        return self.touched_each([Change(newcomers, removed)])[0]

    def touched_each(self, changes: Sequence[Change]) -> list[list[str]]:
        """As `touched`, for many changes at a time."""
        found = [self._mentioning(change.removed) for change in changes]
        for model_id, lists in self._lists.items():
            for numbers, owners in zip(found, self._dense(model_id, lists, changes), strict=True):
                numbers.update(owners)
        for numbers, change in zip(found, changes, strict=True):
            numbers.update(self._lexical(change.newcomers))
        return [self._alive(numbers) for numbers in found]

    def _mentioning(self, documents: Collection[str]) -> set[int]:
        return set().union(*(self._documents.get(document, set()) for document in documents))

    def described(self, document: str) -> list[str]:
        """Keys of searches that may find something else, now that a document has other tags, metadata or title."""
        return self._alive(self._filtered | self._documents.get(document, set()))

    def _alive(self, numbers: set[int]) -> list[str]:
        return [self._keys[number] for number in sorted(numbers) if self._numbers.get(self._keys[number]) == number]

    def _dense(self, model_id: str, lists: _Lists, changes: Sequence[Change]) -> list[list[int]]:
        vectors = [one.vectors[model_id] for change in changes for one in change.newcomers if model_id in one.vectors]
        if len(vectors) < sum(len(change.newcomers) for change in changes):
            # a vector that is not made yet may be anything
            everyone: list[int] = lists.owners[: lists.count].tolist()
            return [everyone if change.newcomers else [] for change in changes]
        if not vectors:
            return [[] for _ in changes]
        ends = list(accumulate(len(change.newcomers) for change in changes))
        return lists.touched(np.stack(vectors), ends)

    def _lexical(self, newcomers: Sequence[Newcomer]) -> list[int]:
        if not newcomers:
            return []
        floors = np.array(self._lexical_floors, dtype=np.float32)
        best = np.zeros(len(floors), dtype=np.float32)
        arrays: dict[int, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
        for newcomer in newcomers:
            scores = self._scores(newcomer, arrays)
            if scores is not None:
                np.maximum(best, scores, out=best)
        beaten = (best > 0) & (best * (1 + LEXICAL_TOLERANCE) > floors)
        touched: list[int] = np.flatnonzero(beaten).tolist()
        return touched

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
