"""Wires where contents lie: a folder of the data directory, or object storage."""

from __future__ import annotations

from ryorin.adapters.local.blobs import LocalBlobStore
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.knowledge.module import BlobStore
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.ports import Clock


def blob_store(settings: Settings, clock: Clock) -> BlobStore:
    """The contents' store; raises InvalidInput when object storage is wanted and its library is not installed."""
    if settings.objects.url is None:
        return LocalBlobStore(settings.data_dir / "blobs")
    try:
        from ryorin.adapters.objects.blobs import ObjectBlobStore  # noqa: PLC0415 - an optional dependency
        from ryorin.adapters.objects.store import open_store  # noqa: PLC0415
    except ImportError as error:
        raise InvalidInput("RYORIN_OBJECTS__URL needs `pip install 'ryorin[scale]'`") from error
    return ObjectBlobStore(open_store(settings.objects.url, settings.objects.endpoint), CircuitBreaker(clock))
