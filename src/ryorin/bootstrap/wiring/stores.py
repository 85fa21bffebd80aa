"""Wires the vector stores: pgvector always, the others where their packages are installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.vector_store import PgVectorStore
from ryorin.bootstrap.settings import Settings, StoreSettings
from ryorin.contexts.knowledge.module import Shelf, VectorStore
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.ports import Clock


def build_stores(settings: Settings, pool: Pool) -> dict[str, VectorStore]:
    """Every store by its name; nothing is connected yet."""
    stores: dict[str, VectorStore] = {"pgvector": PgVectorStore(pool)}
    qdrant, libsql = settings.stores.get("qdrant", StoreSettings()), settings.stores.get("libsql", StoreSettings())
    if qdrant.url is not None:
        if find_spec("qdrant_client"):
            from ryorin.adapters.qdrant.server import QdrantStore, connect  # noqa: PLC0415 - an extra

            stores["qdrant"] = QdrantStore(connect(qdrant.url, qdrant.key, round(qdrant.timeout)))
    elif find_spec("qdrant_edge"):
        from ryorin.adapters.qdrant.edge import QdrantEdgeStore  # noqa: PLC0415 - an extra

        stores["qdrant"] = QdrantEdgeStore(settings.data_dir / "vectors" / "qdrant")
    if find_spec("libsql"):
        from ryorin.adapters.libsql.store import LibSqlStore  # noqa: PLC0415 - an extra

        file = settings.data_dir / "vectors" / "libsql.db"
        stores["libsql"] = LibSqlStore(libsql.url or str(file), libsql.key)
    return stores


def shelves(settings: Settings, stores: Mapping[str, VectorStore], clock: Clock) -> dict[str, Shelf]:
    """The stores as searches ask them: each with a breaker and a timeout."""
    return {
        name: Shelf(store, CircuitBreaker(clock), settings.stores.get(name, StoreSettings()).timeout)
        for name, store in stores.items()
    }
