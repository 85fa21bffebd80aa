"""Erasing: what is decided of documents that are served, deleted, refused, or of a collection that is gone."""

from __future__ import annotations

import pytest

from ryorin.contexts.knowledge.commands import (
    CreateCollection,
    DeleteCollection,
    DeleteDocument,
    EraseDocument,
    RestoreDocument,
)
from ryorin.contexts.knowledge.errors import DocumentNotFound
from ryorin.contexts.knowledge.events import DocumentDeleted, DocumentErased, DocumentVersionIndexed
from ryorin.kernel.messages import Actor, Scope
from tests.unit.knowledge.write_side import ORG, WriteSide

ADMIN = Actor(ORG, "admin", frozenset({Scope.ADMIN, Scope.KNOWLEDGE_WRITE}))


async def erase(side: WriteSide, document: str = "a.md") -> None:
    await side.bus.send(EraseDocument(collection="docs", document=document), ADMIN)


async def test_a_served_document_is_deleted_and_erased_and_its_versions_go_on() -> None:
    side = WriteSide()
    await side.put("a.md", "one")
    await side.put("a.md", "two")
    await erase(side)
    assert [type(event) for event in (await side.happened())[-2:]] == [DocumentDeleted, DocumentErased]
    with pytest.raises(DocumentNotFound):
        await side.send(RestoreDocument(collection="docs", document="a.md", version=1))
    await side.put("a.md", "three")
    last = (await side.happened())[-1]
    assert isinstance(last, DocumentVersionIndexed)
    assert (last.version, last.redacted) == (3, False)


async def test_a_deleted_document_can_be_erased_once() -> None:
    side = WriteSide()
    await side.put("a.md", "one")
    await side.send(DeleteDocument(collection="docs", document="a.md"))
    await erase(side)
    assert [type(event) for event in (await side.happened())[-2:]] == [DocumentDeleted, DocumentErased]
    with pytest.raises(DocumentNotFound):
        await erase(side)


async def test_what_was_refused_can_be_erased_and_what_never_was_cannot() -> None:
    side = WriteSide()
    await side.put("a.md", b"\xff\xfe")
    await erase(side)
    assert isinstance((await side.happened())[-1], DocumentErased)
    with pytest.raises(DocumentNotFound):
        await erase(side, "never.md")


async def test_every_incarnation_of_the_collection_is_erased_even_when_it_is_gone() -> None:
    side = WriteSide()
    await side.put("a.md", "one")
    await side.send(DeleteCollection(collection="docs"))
    await side.send(CreateCollection(collection="docs"))
    await side.put("a.md", "two")
    await side.send(DeleteCollection(collection="docs"))
    await erase(side)
    erased = [event for event in await side.happened() if isinstance(event, DocumentErased)]
    assert len(erased) == 2


async def test_a_content_accepted_before_the_erasure_does_not_bring_it_back() -> None:
    side = WriteSide()
    await side.put("a.md", "one")
    waiting = await side.accept("a.md", "two")
    await erase(side)
    await side.work()
    done = (await side.record(waiting)).result
    assert isinstance(done, dict)
    assert done["outcome"] == "superseded"
