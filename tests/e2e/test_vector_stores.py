"""Files and vector stores by the official client, on collections."""

from __future__ import annotations

import httpx
import openai
import pytest

from benchmarks.server import ServerProcess

HOURS = b"# Office\n\nThe Osaka office opens at half past eight.\n"
CATS = "# 猫\n\n猫は一日に十六時間眠ります。\n".encode()


@pytest.fixture
def client(server: ServerProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="any", max_retries=0)


def test_a_file_is_kept_listed_and_forgotten(client: openai.OpenAI) -> None:
    kept = client.files.create(file=("hours.md", HOURS), purpose="assistants")

    assert (kept.filename, kept.bytes, kept.purpose, kept.status) == ("hours.md", len(HOURS), "assistants", "processed")
    assert client.files.retrieve(kept.id) == kept
    assert kept.id in [one.id for one in client.files.list(purpose="assistants")]
    assert kept.id not in [one.id for one in client.files.list(purpose="batch")]
    assert client.files.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError, match="there is no file"):
        client.files.retrieve(kept.id)


def test_pages_of_files_hold_each_once(client: openai.OpenAI) -> None:
    kept = {client.files.create(file=(f"{n}.txt", b"text"), purpose="vision").id for n in range(5)}

    seen = [one.id for one in client.files.list(purpose="vision", limit=2)]

    assert sorted(seen) == sorted(kept)


def test_a_store_is_filled_searched_and_emptied(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="Knowledge")
    assert store.name == "Knowledge"
    hours = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("hours.md", HOURS), attributes={"team": "osaka", "year": 2026}
    )
    cats = client.files.create(file=("cats.md", CATS), purpose="assistants")
    attached = client.vector_stores.files.create_and_poll(cats.id, vector_store_id=store.id)
    assert (hours.status, attached.status) == ("completed", "completed")
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 2
    assert {one.id for one in client.vector_stores.files.list(store.id)} == {hours.id, cats.id}

    found = client.vector_stores.search(store.id, query="When does the office in Osaka open?", max_num_results=1).data
    assert [(one.file_id, one.filename) for one in found] == [(hours.id, "hours.md")]
    assert "half past eight" in found[0].content[0].text
    assert found[0].attributes == {"team": "osaka", "year": "2026"}
    japanese = client.vector_stores.search(store.id, query=["猫は何時間眠る？", "猫の睡眠"]).data
    assert japanese[0].file_id == cats.id
    only = {"type": "and", "filters": [{"type": "eq", "key": "team", "value": "osaka"}]}
    filtered = client.vector_stores.search(store.id, query="猫", filters=only).data  # type: ignore[arg-type]  # a TypedDict
    assert {one.file_id for one in filtered} == {hours.id}

    # it is a collection as any other
    answer = client.chat.completions.create(
        model=f"extractive/collection/{store.id}", messages=[{"role": "user", "content": "When does Osaka open?"}]
    )
    assert "half past eight" in (answer.choices[0].message.content or "")
    assert "Osaka" in client.vector_stores.files.content(hours.id, vector_store_id=store.id).data[0].text  # type: ignore[operator]

    assert client.vector_stores.files.delete(hours.id, vector_store_id=store.id).deleted
    assert hours.id not in {one.file_id for one in client.vector_stores.search(store.id, query="Osaka office").data}
    assert store.id in [one.id for one in client.vector_stores.list(limit=1)]
    assert client.vector_stores.delete(store.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.retrieve(store.id)


def test_a_collection_is_a_vector_store(client: openai.OpenAI) -> None:
    assert client.vector_stores.retrieve("docs").status == "completed"
    found = client.vector_stores.search("docs", query="Is coffee free?").data
    assert found[0].file_id == "office.md"
    assert client.vector_stores.files.retrieve("office.md", vector_store_id="docs").status == "completed"


def test_a_store_is_made_with_its_files_and_a_file_nobody_can_read_fails_alone(client: openai.OpenAI) -> None:
    good = client.files.create(file=("good.md", HOURS), purpose="assistants")
    bad = client.files.create(file=("bad.pdf", b"this is no PDF"), purpose="assistants")
    store = client.vector_stores.create(name="Mixed", file_ids=[good.id])

    refused = client.vector_stores.files.create(store.id, file_id=bad.id)

    assert refused.status == "failed"
    assert refused.last_error is not None
    assert "bad.pdf" in refused.last_error.message or "PDF" in refused.last_error.message
    listed = {one.id: one.status for one in client.vector_stores.files.list(store.id)}
    # the one that was refused may be listed a moment later, and as what it is
    assert listed in ({good.id: "completed"}, {good.id: "completed", bad.id: "failed"})


def test_mistakes_are_told(server: ServerProcess, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.search("nowhere", query="x")
    with pytest.raises(openai.NotFoundError, match="there is no file"):
        client.vector_stores.files.create("docs", file_id="file-nothing")
    with pytest.raises(openai.BadRequestError, match="max_num_results is 99"):
        client.vector_stores.search("docs", query="x", max_num_results=99)
    with pytest.raises(openai.BadRequestError, match="'gt' are not supported"):
        client.vector_stores.search("docs", query="x", filters={"type": "gt", "key": "year", "value": 1})
    with pytest.raises(openai.BadRequestError, match="empty"):
        client.files.create(file=("nothing.txt", b""), purpose="assistants")
    url = f"{server.base_url}/v1"
    assert httpx.post(f"{url}/files", content=b"x").status_code == 400
    assert httpx.post(f"{url}/files", data={"purpose": "x"}).status_code == 400
    assert httpx.post(f"{url}/vector_stores", content=b"{").status_code == 400
    assert httpx.get(f"{url}/vector_stores?limit=x").status_code == 400


def test_files_are_added_together_and_a_refused_one_is_named(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="Together")
    good = client.files.create(file=("hours.md", HOURS), purpose="assistants")
    bad = client.files.create(file=("odd.pdf", b"this is no PDF"), purpose="assistants")

    batch = client.vector_stores.file_batches.create_and_poll(store.id, file_ids=[good.id, bad.id])

    counts = batch.file_counts
    assert (batch.status, counts.completed, counts.failed, counts.total) == ("completed", 1, 1, 2)
    files = {one.id: one for one in client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id)}
    assert {name: one.status for name, one in files.items()} == {good.id: "completed", bad.id: "failed"}
    assert files[bad.id].last_error is not None
    failed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, filter="failed")
    assert [one.id for one in failed] == [bad.id]
    found = client.vector_stores.search(store.id, query="When does Osaka open?").data
    assert [one.file_id for one in found] == [good.id]
    # what has ended cannot be cancelled
    assert client.vector_stores.file_batches.cancel(batch.id, vector_store_id=store.id).file_counts.cancelled == 0
    uploaded = client.vector_stores.file_batches.upload_and_poll(store.id, files=[("cats.md", CATS)])
    assert uploaded.file_counts.completed == 1
    with pytest.raises(openai.NotFoundError, match="there is no file batch"):
        client.vector_stores.file_batches.retrieve("vsfb_no", vector_store_id=store.id)
    with pytest.raises(openai.NotFoundError, match="there is no file"):
        client.vector_stores.file_batches.create(store.id, file_ids=[good.id, "file-no"])
    with pytest.raises(openai.BadRequestError, match="0 files were given"):
        client.vector_stores.file_batches.create(store.id, file_ids=[])


def test_a_store_is_renamed_and_a_file_marked(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="Before")
    file = client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("hours.md", HOURS))

    assert client.vector_stores.update(store.id, name="After").name == "After"
    assert client.vector_stores.retrieve(store.id).name == "After"
    marked = client.vector_stores.files.update(file.id, vector_store_id=store.id, attributes={"team": "osaka"})
    assert marked.attributes == {"team": "osaka"}
    only = {"type": "eq", "key": "team", "value": "osaka"}
    found = client.vector_stores.search(store.id, query="Osaka", filters=only).data  # type: ignore[arg-type]  # a TypedDict
    assert [one.file_id for one in found] == [file.id]
