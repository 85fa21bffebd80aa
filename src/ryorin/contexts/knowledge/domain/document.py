"""The document aggregate: which content is current, which versions there were, what it is tagged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ryorin.contexts.knowledge.errors import DocumentNotFound, VersionNotFound
from ryorin.contexts.knowledge.events import (
    DocumentDeleted,
    DocumentDescribed,
    DocumentErased,
    DocumentShared,
    DocumentTagged,
    DocumentVersionFailed,
    DocumentVersionIndexed,
)
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import EVERYONE, OrgId
from ryorin.kernel.sharing import in_order, readers_in_order

Outcome = Literal["added", "changed", "unchanged", "superseded", "deleted", "erased", "restored", "tagged", "shared"]


@dataclass(frozen=True, slots=True)
class Description:
    """What the caller says of a document; None keeps what is there."""

    filename: str
    title: str | None = None
    metadata: Mapping[str, str] | None = None
    tags: tuple[str, ...] | None = None
    readers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class IndexedContent:
    """A content whose chunks and vectors are stored."""

    content_hash: str
    size_bytes: int
    media_type: str
    language: str | None
    parsed_title: str
    chunk_set: str
    chunk_count: int


class Document(Aggregate):
    """A document under its caller's own id, within one incarnation of its collection."""

    stream_type: ClassVar[str] = "document"

    def __init__(self, org_id: OrgId, collection: str, incarnation: int, document: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, f"{collection}@{incarnation}/{document}"))
        self.collection = collection
        self.incarnation = incarnation
        self.document = document
        self.versions: dict[int, DocumentVersionIndexed] = {}
        self.current: DocumentVersionIndexed | None = None
        self.newest_sequence = -1
        self.newest_version = 0
        # something of it is in the log that was not erased yet
        self.told = False
        # also after it was deleted: what was private does not come back as everyone's
        self.readers: tuple[str, ...] = (EVERYONE,)

    def serves(self, content_hash: str) -> bool:
        """Whether this content is the current indexed one: putting it again needs no work."""
        return self.current is not None and self.current.content_hash == content_hash

    def outdated(self, accepted_sequence: int) -> bool:
        """Whether a later accepted change has already been carried out."""
        return accepted_sequence < self.newest_sequence

    def describe(self, description: Description) -> Outcome:
        """Take over title, metadata, tags and file name of a content that is already served."""
        current = self._require_current()
        title = description.title if description.title is not None else current.title
        metadata = current.metadata if description.metadata is None else description.metadata
        changed = False
        if (title, dict(metadata), description.filename) != (
            current.title,
            dict(current.metadata),
            current.filename,
        ):
            self.record(DocumentDescribed(self.collection, self.document, title, metadata, description.filename))
            changed = True
        if description.tags is not None and in_order(description.tags) != current.tags:
            self._tag(description.tags)
            changed = True
        if description.readers is not None and self.share(description.readers) == "shared":
            changed = True
        return "changed" if changed else "unchanged"

    def index(self, content: IndexedContent, description: Description, accepted_sequence: int) -> Outcome:
        """Make an indexed content the current version."""
        if self.outdated(accepted_sequence):
            return "superseded"
        if self.serves(content.content_hash):
            return self.describe(description)
        before = self.current
        kept_metadata: Mapping[str, str] = before.metadata if before else {}
        kept_tags = before.tags if before else ()
        self.record(
            DocumentVersionIndexed(
                collection=self.collection,
                incarnation=self.incarnation,
                document=self.document,
                version=self._next_version(),
                content_hash=content.content_hash,
                size_bytes=content.size_bytes,
                filename=description.filename,
                media_type=content.media_type,
                language=content.language,
                title=description.title or content.parsed_title,
                metadata=kept_metadata if description.metadata is None else description.metadata,
                tags=kept_tags if description.tags is None else in_order(description.tags),
                chunk_set=content.chunk_set,
                chunk_count=content.chunk_count,
                accepted_sequence=accepted_sequence,
                readers=self._readers_of(description),
            )
        )
        return "changed" if before else "added"

    def fail(self, content_hash: str, description: Description, code: str, reason: str) -> None:
        """Note that a content was refused; what is served stays."""
        readers = self._readers_of(description)
        filename = description.filename
        self.record(
            DocumentVersionFailed(self.collection, self.document, content_hash, filename, code, reason, readers)
        )

    def _readers_of(self, description: Description) -> tuple[str, ...]:
        return self.readers if description.readers is None else readers_in_order(description.readers)

    def restore(self, version: int, accepted_sequence: int) -> Outcome:
        """Make an older version's content current again, as a new version; raises VersionNotFound."""
        if not self.versions:
            raise DocumentNotFound(f"there is no document {self.document!r} in {self.collection!r}")
        old = self.versions.get(version)
        if old is None:
            known = ", ".join(map(str, sorted(self.versions)))
            raise VersionNotFound(f"document {self.document!r} has no version {version}; it has {known}")
        if self.current is not None and self.current.version == version:
            return "unchanged"
        self.record(
            replace(
                old,
                version=self._next_version(),
                restored_from=version,
                accepted_sequence=accepted_sequence,
                tags=self.current.tags if self.current else old.tags,
                readers=self.readers,
            )
        )
        return "restored"

    def delete(self, accepted_sequence: int) -> None:
        """Take the document out of service; raises DocumentNotFound."""
        self._require_current()
        self.record(DocumentDeleted(self.collection, self.document, accepted_sequence))

    def erase(self, accepted_sequence: int) -> bool:
        """Take it out of service for good, with all its versions; False when there is nothing of it."""
        if not self.told:
            return False
        if self.current is not None:
            self.delete(accepted_sequence)
        self.record(DocumentErased(self.collection, self.document, accepted_sequence))
        return True

    def retag(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Outcome:
        """Add and remove tags; raises DocumentNotFound."""
        current = self._require_current()
        tags = in_order(set(current.tags) - set(remove) | set(add))
        if tags == current.tags:
            return "unchanged"
        self._tag(tags)
        return "tagged"

    def share(self, readers: tuple[str, ...]) -> Outcome:
        """Decide who may read it; raises DocumentNotFound."""
        current = self._require_current()
        readers = readers_in_order(readers)
        if readers == self.readers:
            return "unchanged"
        self.record(
            DocumentShared(
                self.collection, self.document, readers, current.chunk_set, current.tags, dict(current.metadata)
            )
        )
        return "shared"

    def _tag(self, tags: tuple[str, ...]) -> None:
        self.record(DocumentTagged(self.collection, self.document, in_order(tags)))

    def _require_current(self) -> DocumentVersionIndexed:
        if self.current is None:
            raise DocumentNotFound(f"there is no document {self.document!r} in {self.collection!r}")
        return self.current

    def _next_version(self) -> int:
        return self.newest_version + 1

    def apply(self, event: Event) -> None:
        self.told = not isinstance(event, DocumentErased)
        match event:
            case DocumentVersionIndexed():
                self.versions[event.version] = event
                self.newest_version = event.version
                self.current = event
                self.readers = event.readers
                self.newest_sequence = max(self.newest_sequence, event.accepted_sequence)
            case DocumentDeleted():
                self.current = None
                self.newest_sequence = max(self.newest_sequence, event.accepted_sequence)
            case DocumentErased():
                self.versions.clear()
                self.newest_sequence = max(self.newest_sequence, event.accepted_sequence)
            case DocumentDescribed() if self.current:
                self.current = replace(
                    self.current, title=event.title, metadata=event.metadata, filename=event.filename
                )
            case DocumentTagged() if self.current:
                self.current = replace(self.current, tags=event.tags)
            case DocumentShared():
                self.readers = event.readers
