"""What can be asked of knowledge: collections and documents are created, changed, tagged, restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ryorin.contexts.knowledge.limits import check_id, check_metadata, check_url
from ryorin.contexts.knowledge.pipeline import IndexSpec, Pipeline
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope
from ryorin.kernel.sharing import check_readers, check_tag, scopes_to_share


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A content in the blob store, to be named by `PutDocument`: SHA-256 (hex) and size."""

    content_hash: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CollectionChanged(Result):
    """The collection as it is now called."""

    collection: str
    created: bool


@dataclass(frozen=True, slots=True)
class CollectionConfigurationChanged(Result):
    """Whether anything had to change."""

    collection: str
    outcome: Literal["changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class IndexChanged(Result):
    """Where the collection's vectors are now, and how many chunks had to be embedded anew."""

    collection: str
    outcome: Literal["moved", "unchanged"]
    spec: IndexSpec
    embedded: int = 0


@dataclass(frozen=True, slots=True)
class DocumentChanged(Result):
    """What became of a document; `unchanged` means that no work was needed."""

    collection: str
    document: str
    outcome: Literal["added", "changed", "unchanged", "superseded", "deleted", "erased", "restored", "tagged", "shared"]
    version: int | None
    chunks: int = 0
    embedded: int = 0


@dataclass(frozen=True, slots=True)
class RecordsChanged(Result):
    """What became of a batch of records, each of which is counted once; and how many chunks they have."""

    collection: str
    added: int
    changed: int
    unchanged: int
    superseded: int
    chunks: int
    embedded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCollection(Command):
    """Create a collection; creating it again changes nothing."""

    name: ClassVar[str] = "knowledge.create_collection"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    result_type: ClassVar[type[Result]] = CollectionChanged

    collection: str
    description: str = ""

    def validate(self) -> None:
        check_id("collection", self.collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCollection(Command):
    """Delete a collection; its documents leave index and answers with it."""

    name: ClassVar[str] = "knowledge.delete_collection"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    result_type: ClassVar[type[Result]] = CollectionChanged

    collection: str

    def validate(self) -> None:
        check_id("collection", self.collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeCollection(Command):
    """Say what a collection is for."""

    name: ClassVar[str] = "knowledge.describe_collection"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    result_type: ClassVar[type[Result]] = CollectionChanged

    collection: str
    description: str

    def validate(self) -> None:
        check_id("collection", self.collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureCollection(Command):
    """Decide the stages of searches in a collection; what is left out is as the server does it."""

    name: ClassVar[str] = "knowledge.configure_collection"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    result_type: ClassVar[type[Result]] = CollectionConfigurationChanged

    collection: str
    pipeline: Pipeline

    def validate(self) -> None:
        check_id("collection", self.collection)
        self.pipeline.validate()


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveIndex(Command):
    """Keep a collection's vectors elsewhere or by another embedding model, without a query that fails meanwhile."""

    name: ClassVar[str] = "knowledge.move_index"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "ingest"
    result_type: ClassVar[type[Result]] = IndexChanged

    collection: str
    spec: IndexSpec

    def validate(self) -> None:
        check_id("collection", self.collection)
        if self.spec.store == "libsql" and self.spec.storage == "binary":
            raise InvalidInput("libsql keeps whole vectors only: storage must be halfvec")


@dataclass(frozen=True, slots=True, kw_only=True)
class _DocumentCommand(Command):
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    result_type: ClassVar[type[Result]] = DocumentChanged

    collection: str
    document: str

    def validate(self) -> None:
        check_id("collection", self.collection)
        check_id("document", self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDocument(_DocumentCommand):
    """Make `content_hash` the current content of a document, adding a version if it is new.

    The content itself lies in the blob store under its SHA-256 (hex), never in the command.
    The collection is created when it does not exist. None for title, metadata, tags or
    readers keeps what the document has; a new one may be read by everyone in the organisation.
    """

    name: ClassVar[str] = "knowledge.put_document"
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "ingest"

    content_hash: str
    size_bytes: int
    filename: str
    media_type: str | None = None
    title: str | None = None
    metadata: Mapping[str, str] | None = None
    tags: tuple[str, ...] | None = None
    readers: tuple[str, ...] | None = None

    def needs(self) -> tuple[Scope, ...]:
        return scopes_to_share(self.scope, self.readers)

    def validate(self) -> None:
        # the two-argument form: a slots dataclass is a new class that zero-argument super() does not know
        super(PutDocument, self).validate()
        if self.size_bytes == 0:
            raise InvalidInput(f"document {self.document!r} is empty (0 bytes)")
        check_metadata(self.metadata or {})
        for tag in self.tags or ():
            check_tag(tag)
        check_readers(self.readers or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDocument(_DocumentCommand):
    """Make what is at a URL the current content of a document, as `PutDocument` does.

    Its metadata `url` tells whence.
    """

    name: ClassVar[str] = "knowledge.fetch_document"
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "ingest"

    url: str
    title: str | None = None
    metadata: Mapping[str, str] | None = None
    tags: tuple[str, ...] | None = None
    readers: tuple[str, ...] | None = None

    def needs(self) -> tuple[Scope, ...]:
        return scopes_to_share(self.scope, self.readers)

    def validate(self) -> None:
        super(FetchDocument, self).validate()
        check_url(self.url)
        check_metadata({**(self.metadata or {}), "url": self.url})
        for tag in self.tags or ():
            check_tag(tag)
        check_readers(self.readers or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRecords(Command):
    """Make many short texts the current contents of as many documents: all of them, or none.

    They lie in the blob store as NDJSON (see `records.Record`) under their SHA-256 (hex). The collection is created
    when it does not exist.
    """

    name: ClassVar[str] = "knowledge.put_records"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "ingest"
    result_type: ClassVar[type[Result]] = RecordsChanged

    collection: str
    content_hash: str
    records: int

    def validate(self) -> None:
        check_id("collection", self.collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDocument(_DocumentCommand):
    """Take a document out of index and answers; its history stays restorable."""

    name: ClassVar[str] = "knowledge.delete_document"


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseDocument(_DocumentCommand):
    """Make all that a document ever held be gone: text, titles, metadata and what was made from them (ADR-0026).

    One that was deleted, or whose collection was, can be erased too. Nothing of it can be restored.
    """

    name: ClassVar[str] = "knowledge.erase_document"
    scope: ClassVar[Scope] = Scope.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreDocument(_DocumentCommand):
    """Make an older indexed version the current one again, as a new version."""

    name: ClassVar[str] = "knowledge.restore_document"

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDocument(_DocumentCommand):
    """Add and remove tags of a document."""

    name: ClassVar[str] = "knowledge.tag_document"

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = field(default=())

    def validate(self) -> None:
        super(TagDocument, self).validate()
        for tag in (*self.add, *self.remove):
            check_tag(tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareDocument(_DocumentCommand):
    """Decide who may read a document and be answered from it (ADR-0015).

    Each reader is `user:NAME`, `group:NAME`, `*` for everyone in the organisation, or `public` for whoever it is, which
    takes an admin; without any only administrators read it.
    """

    name: ClassVar[str] = "knowledge.share_document"

    readers: tuple[str, ...]

    def needs(self) -> tuple[Scope, ...]:
        return scopes_to_share(self.scope, self.readers)

    def validate(self) -> None:
        super(ShareDocument, self).validate()
        check_readers(self.readers)


COMMANDS: tuple[type[Command], ...] = (
    CreateCollection,
    DescribeCollection,
    DeleteCollection,
    ConfigureCollection,
    MoveIndex,
    PutDocument,
    FetchDocument,
    PutRecords,
    DeleteDocument,
    EraseDocument,
    RestoreDocument,
    TagDocument,
    ShareDocument,
)
