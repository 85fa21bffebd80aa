"""Every `BlobStore` keeps contents by their hash, per organisation, and drops them when they are not used any more."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ryorin.adapters.local.blobs import LocalBlobStore
from ryorin.adapters.memory.clock import StandingClock
from ryorin.adapters.memory.knowledge import MemoryBlobStore
from ryorin.adapters.objects.blobs import SPOOLED, ObjectBlobStore
from ryorin.adapters.objects.store import open_store
from ryorin.contexts.knowledge.module import BlobStore
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import InvalidInput, NotFound, Unavailable
from ryorin.kernel.messages import OrgId
from tests.bucket import Bucket

ORG, OTHER = OrgId("a"), OrgId("../a")


@pytest.fixture(params=["memory", "local", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, bucket: Bucket) -> BlobStore:
    if request.param == "memory":
        return MemoryBlobStore()
    if request.param == "local":
        return LocalBlobStore(tmp_path)
    url = "s3://shelf/ryorin" if request.param == "s3" else (tmp_path / "objects").as_uri()
    return ObjectBlobStore(open_store(url, bucket.endpoint), CircuitBreaker(StandingClock()))


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_content_is_kept_under_its_hash(store: BlobStore) -> None:
    kept = await store.put(ORG, pieces(b"one ", b"text"), 100)
    assert (kept.content_hash, kept.size_bytes) == (hashlib.sha256(b"one text").hexdigest(), 8)
    assert await store.put(ORG, pieces(b"one text"), 100) == kept
    assert await store.get(ORG, kept.content_hash) == b"one text"


async def test_a_content_that_does_not_fit_into_memory_is_kept_whole(store: BlobStore) -> None:
    large = bytes(range(256)) * (SPOOLED // 256 + 1)
    kept = await store.put(ORG, pieces(large[:1000], large[1000:]), len(large))
    assert await store.get(ORG, kept.content_hash) == large


async def test_a_content_over_the_limit_is_refused_and_not_kept(store: BlobStore) -> None:
    with pytest.raises(InvalidInput, match="larger"):
        await store.put(ORG, pieces(b"x" * 60, b"y" * 60), 100)
    with pytest.raises(NotFound):
        await store.get(ORG, hashlib.sha256(b"x" * 60 + b"y" * 60).hexdigest())


async def test_no_organisation_has_anothers(store: BlobStore) -> None:
    kept = await store.put(ORG, pieces(b"secret"), 100)
    with pytest.raises(NotFound):
        await store.get(OTHER, kept.content_hash)
    assert await store.delete(OTHER, kept.content_hash, 0)
    assert await store.get(ORG, kept.content_hash) == b"secret"


async def test_what_is_dropped_is_gone_and_may_be_dropped_again(store: BlobStore) -> None:
    kept = await store.put(ORG, pieces(b"a text"), 100)
    # clocks of file systems and of HTTP go by steps
    assert await store.delete(ORG, kept.content_hash, -2)
    assert await store.delete(ORG, kept.content_hash, -2)
    with pytest.raises(NotFound, match=kept.content_hash):
        await store.get(ORG, kept.content_hash)


@pytest.mark.parametrize("store", ["local", "file", "s3"], indirect=True)
async def test_what_was_stored_lately_stays(store: BlobStore) -> None:
    kept = await store.put(ORG, pieces(b"a text"), 100)
    assert not await store.delete(ORG, kept.content_hash, 600)
    assert await store.get(ORG, kept.content_hash) == b"a text"


@pytest.mark.parametrize("store", ["s3"], indirect=True)
async def test_storage_that_fails_is_unavailable_and_contents_are_signed_for(store: BlobStore, bucket: Bucket) -> None:
    kept = await store.put(ORG, pieces(b"a text"), 100)
    assert bucket.signed
    bucket.down = True
    with pytest.raises(Unavailable, match="object store"):
        await store.get(ORG, kept.content_hash)
