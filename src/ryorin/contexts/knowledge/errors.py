"""Errors of the knowledge context."""

from __future__ import annotations

from ryorin.kernel.errors import InvalidInput, NotFound


class UnreadableDocument(InvalidInput):
    """A file could not be turned into text; the detail names file and reason."""

    code = "unreadable_document"


class UrlRefused(InvalidInput):
    """Nothing is fetched from there; the detail says why."""

    code = "url_refused"


class CollectionNotFound(NotFound):
    """No such collection in this organisation."""

    code = "collection_not_found"


class DocumentNotFound(NotFound):
    """No such document, or it was deleted."""

    code = "document_not_found"


class VersionNotFound(NotFound):
    """The document has no such indexed version."""

    code = "version_not_found"
