"""Datasets: versions that never change, and splits that are fixed when a version is made."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from ryorin.contexts.evaluation.errors import DatasetNotFound
from ryorin.contexts.evaluation.events import DatasetRemoved, DatasetVersionCreated
from ryorin.contexts.evaluation.specs import MAX_TEXT_CHARACTERS, DatasetItem, Split
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId

MAX_ITEMS = 100_000
MAX_ID_CHARACTERS = 200
# of all clusters, where items say nothing themselves: 60 % train, 20 % validation, 20 % test
SHARES: Sequence[tuple[Split, float]] = (("train", 0.6), ("validation", 0.8), ("test", 1.0))


class Dataset(Aggregate):
    """Its versions, by number."""

    stream_type: ClassVar[str] = "dataset"

    def __init__(self, org_id: OrgId, dataset: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, dataset))
        self.dataset = dataset
        self.latest: DatasetVersionCreated | None = None
        # also of removed ones: a number never means two things
        self.numbers = 0

    def add_version(self, content_hash: str, splits: Mapping[str, int], note: str, author: str) -> int:
        """The number of a new version, or of the latest one if it has the same items."""
        if self.latest is not None and self.latest.content_hash == content_hash:
            return self.latest.version
        self.record(DatasetVersionCreated(self.dataset, self.numbers + 1, content_hash, splits, note, author))
        return self.numbers

    def remove(self) -> None:
        """Take it away; raises DatasetNotFound."""
        if self.latest is None:
            raise DatasetNotFound(f"there is no dataset {self.dataset!r}")
        self.record(DatasetRemoved(self.dataset))

    def apply(self, event: Event) -> None:
        match event:
            case DatasetVersionCreated():
                self.latest, self.numbers = event, event.version
            case DatasetRemoved():
                self.latest = None


def split_up(items: Sequence[DatasetItem]) -> list[DatasetItem]:
    """The items with their splits: all of one source in the same; by hash, so that more items move no earlier one.

    Raises InvalidInput for items that cannot be told apart, say nothing, or have a source in two splits.
    """
    _check(items)
    said: dict[str, Split] = {}
    for item in items:
        if item.split is not None and said.setdefault(item.cluster, item.split) != item.split:
            raise InvalidInput(f"source {item.cluster[:80]!r} is in two splits; what is learnt from one would leak")
    return [replace(item, split=said.get(item.cluster) or _drawn(item.cluster)) for item in items]


def counted(items: Sequence[DatasetItem]) -> Mapping[str, int]:
    """How many items each split has."""
    return dict(sorted(Counter(item.split or "test" for item in items).items()))


def _drawn(cluster: str) -> Split:
    place = int.from_bytes(hashlib.sha256(cluster.encode()).digest()[:8], "big") / 2**64
    return next(split for split, until in SHARES if place < until)


def _check(items: Sequence[DatasetItem]) -> None:
    if not 1 <= len(items) <= MAX_ITEMS:
        raise InvalidInput(f"a dataset has 1-{MAX_ITEMS} items, not {len(items)}")
    met = set[str]()
    for number, item in enumerate(items, start=1):
        if not 1 <= len(item.id) <= MAX_ID_CHARACTERS:
            raise InvalidInput(f"item {number}: its id must have 1-{MAX_ID_CHARACTERS} characters")
        if item.id in met:
            raise InvalidInput(f"item {number}: the id {item.id[:80]!r} was used before")
        met.add(item.id)
        if not item.input.strip() and not item.variables:
            raise InvalidInput(f"item {number} ({item.id[:80]!r}) asks nothing: it has neither `input` nor `variables`")
        texts = (item.input, item.expected or "", item.rubric or "", *item.context)
        if sum(map(len, texts)) > MAX_TEXT_CHARACTERS or any("\x00" in text for text in texts):
            raise InvalidInput(f"item {number}: it may have {MAX_TEXT_CHARACTERS} characters in all, and no NUL")
