"""Queries about collections, documents, versions, texts and tags: each asks the read model and says what is missing."""

from __future__ import annotations

from ryorin.contexts.knowledge.errors import CollectionNotFound, DocumentNotFound, VersionNotFound
from ryorin.contexts.knowledge.queries import (
    GetCollection,
    GetDocument,
    GetDocumentText,
    ListCollections,
    ListDocuments,
    ListTags,
    ListVersions,
)
from ryorin.contexts.knowledge.read.ports import CollectionKey, DocumentKey, DocumentReadModel
from ryorin.contexts.knowledge.views import CollectionView, DocumentText, DocumentView, Page, TagCount, VersionView
from ryorin.kernel.messages import Actor, resource_of


class DocumentQueries:
    """One method per query, all on the documents read model."""

    def __init__(self, documents: DocumentReadModel) -> None:
        self._documents = documents

    async def list_collections(self, query: ListCollections, actor: Actor) -> tuple[CollectionView, ...]:
        views = await self._documents.collections(actor.org_id, actor.readers)
        return tuple(view for view in views if actor.may(query.scope, resource_of(view)))

    async def get_collection(self, query: GetCollection, actor: Actor) -> CollectionView:
        return await self._collection(actor, query.collection)

    async def list_documents(self, query: ListDocuments, actor: Actor) -> Page:
        await self._collection(actor, query.collection)
        key = CollectionKey.of(actor, query.collection)
        return await self._documents.page(key, query.filter, query.after, query.limit)

    async def get_document(self, query: GetDocument, actor: Actor) -> DocumentView:
        view = await self._documents.document(DocumentKey.of(actor, query.collection, query.document))
        if view is None:
            raise _no_document(query.collection, query.document)
        return view

    async def list_versions(self, query: ListVersions, actor: Actor) -> tuple[VersionView, ...]:
        versions = await self._documents.versions(DocumentKey.of(actor, query.collection, query.document))
        if not versions:
            raise _no_document(query.collection, query.document)
        return versions

    async def get_document_text(self, query: GetDocumentText, actor: Actor) -> DocumentText:
        key = DocumentKey.of(actor, query.collection, query.document)
        text = await self._documents.text(key, query.version)
        if text is not None:
            return text
        if query.version is None:
            raise _no_document(query.collection, query.document)
        raise VersionNotFound(f"document {query.document!r} has no version {query.version}")

    async def list_tags(self, query: ListTags, actor: Actor) -> tuple[TagCount, ...]:
        await self._collection(actor, query.collection)
        return await self._documents.tags(CollectionKey.of(actor, query.collection), query.prefix)

    async def _collection(self, actor: Actor, name: str) -> CollectionView:
        view = await self._documents.collection(CollectionKey.of(actor, name))
        if view is None:
            raise CollectionNotFound(f"there is no collection {name!r}")
        return view


def _no_document(collection: str, document: str) -> DocumentNotFound:
    return DocumentNotFound(f"there is no document {document!r} in {collection!r}")
