"""Shapes of answers about collections and documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ryorin.contexts.knowledge.pipeline import IndexSpec, Pipeline


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A collection with the number of its documents and current chunks."""

    collection: str
    description: str
    documents: int
    chunks: int
    created_at: datetime
    pipeline: Pipeline = field(default_factory=Pipeline)
    index: IndexSpec = field(default_factory=IndexSpec)


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document as it is served; `last_failure` tells of a newer content that was refused."""

    collection: str
    document: str
    version: int | None
    content_hash: str | None
    size_bytes: int
    filename: str
    media_type: str
    language: str | None
    title: str
    metadata: Mapping[str, str]
    tags: tuple[str, ...]
    chunks: int
    updated_at: datetime
    readers: tuple[str, ...]
    last_failure: str | None = None


@dataclass(frozen=True, slots=True)
class VersionView:
    """One indexed version of a document."""

    version: int
    content_hash: str
    size_bytes: int
    filename: str
    media_type: str
    chunks: int
    restored_from: int | None
    current: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Documents in order of their ids; `next_after` continues the listing, None ends it."""

    documents: tuple[DocumentView, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag and how many documents carry it."""

    tag: str
    documents: int


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of one version, to which chunk offsets refer."""

    document: str
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class SimilarDocument:
    """A document near another; `score` is the cosine of their mean chunk vectors."""

    document: str
    title: str
    score: float
