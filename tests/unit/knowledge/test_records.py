"""Records: what a batch may hold, and what becomes of one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from ryorin.contexts.knowledge.commands import PutRecords
from ryorin.contexts.knowledge.events import DocumentVersionIndexed
from ryorin.contexts.knowledge.records import MAX_RECORDS, read_records
from ryorin.kernel.codec import JSON
from ryorin.kernel.commands import CommandRecord
from ryorin.kernel.errors import InvalidInput
from tests.unit.knowledge.write_side import ORG, WriteSide


def ndjson(*records: JSON) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


async def sent(side: WriteSide, *records: JSON, key: str | None = None) -> CommandRecord:
    content = ndjson(*records)

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    stored = await side.blobs.put(ORG, pieces(), 1_000_000)
    command = PutRecords(collection="docs", content_hash=stored.content_hash, records=len(records))
    receipt = await side.send(command, key)
    await side.work()
    return await side.record(receipt.record.envelope.id)


def test_fields_and_defaults() -> None:
    one, two = read_records(
        ndjson({"id": "a", "text": "x"})
        + b"\n"
        + ndjson({"id": "b", "text": "y", "tags": ["t"], "metadata": {"k": "v"}})
    )
    assert (one.media_type, one.tags, one.metadata) == ("text/plain", None, None)
    assert (two.tags, two.metadata) == (("t",), {"k": "v"})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no records"),
        (b"\n \n", "no records"),
        (ndjson({"id": "a", "text": "x"}) + b"{broken", "line 2: it is not JSON"),
        (b"\xff\xfe", "line 1: it is not JSON in UTF-8"),
        (ndjson(["a"]), "line 1: it is not a JSON object"),
        (ndjson({"id": "a"}), "line 1: "),
        (ndjson({"id": "a", "text": "  "}), "line 1: its text is empty"),
        (ndjson({"id": "a", "text": 3}), "line 1: '3' is not a str"),
        (ndjson({"id": "", "text": "x"}), "line 1: document id"),
        (ndjson({"id": "a", "text": "x"}, {"id": "a", "text": "y"}), "line 2: the id 'a' was there before"),
        (ndjson({"id": "a", "text": "x", "metdata": {}}), "line 1: there is no field 'metdata'"),
        (ndjson({"id": "a", "text": "x", "media_type": "application/pdf"}), "line 1: "),
        (ndjson({"id": "a", "text": "x", "readers": ["nobody"]}), "line 1: reader"),
        (b'{"id": "a", "text": "\\ud800"}', "line 1: its text has half a surrogate pair"),
        (ndjson(*({"id": "", "text": "x"} for _ in range(9))), "; and 4 more"),
        (ndjson(*({"id": str(number), "text": "x"} for number in range(MAX_RECORDS + 1))), "1,001 records"),
        (b"[" * 100_000, "line 1: it is not JSON"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(content: bytes, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_records(content)
    assert told in refused.value.detail


async def test_a_batch_is_many_documents_of_one_command() -> None:
    side = WriteSide()
    done = await sent(side, {"id": "a", "text": "one text"}, {"id": "b", "text": "another", "title": "B"})
    assert done.result == {
        "collection": "docs",
        "added": 2,
        "changed": 0,
        "unchanged": 0,
        "superseded": 0,
        "chunks": 2,
        "embedded": 2,
    }
    versions = [event for event in await side.happened() if isinstance(event, DocumentVersionIndexed)]
    assert [(one.document, one.title, one.media_type) for one in versions] == [
        ("a", "a", "text/plain"),
        ("b", "B", "text/plain"),
    ]


async def test_only_what_is_new_is_embedded_and_only_what_changed_is_an_event() -> None:
    side = WriteSide()
    await sent(side, {"id": "a", "text": "one text", "tags": ["kept"]}, {"id": "b", "text": "another"})
    before = len(await side.happened())
    done = await sent(
        side, {"id": "a", "text": "changed text"}, {"id": "b", "text": "another"}, {"id": "c", "text": "third"}
    )
    assert isinstance(done.result, dict)
    assert [done.result[name] for name in ("added", "changed", "unchanged", "embedded")] == [1, 1, 1, 2]
    happened = await side.happened()
    assert len(happened) == before + 2
    changed = happened[before]
    assert isinstance(changed, DocumentVersionIndexed)
    assert (changed.version, changed.tags) == (2, ("kept",))


async def test_a_document_put_later_is_not_overtaken_by_a_batch_from_before() -> None:
    side = WriteSide()
    content = ndjson({"id": "a", "text": "from the batch"}, {"id": "b", "text": "fresh"})

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    stored = await side.blobs.put(ORG, pieces(), 1_000_000)
    side.engine.broken = RuntimeError("later")
    command = PutRecords(collection="docs", content_hash=stored.content_hash, records=2)
    batch = (await side.send(command)).record.envelope.id
    await side.work()
    side.engine.broken = None
    await side.put("a", "put meanwhile")
    side.pass_time(3600)
    await side.work()
    done = (await side.record(batch)).result
    assert isinstance(done, dict)
    assert (done["added"], done["superseded"]) == (1, 1)
