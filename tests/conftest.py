"""Fixtures that start what tests need, on free ports and in temporary folders, and leave nothing behind."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.postgres.embedded import EmbeddedPostgres, drop_database
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.settings import Settings
from tests.bucket import Bucket, serving_bucket

OURS = ("RYORIN_BENCH_DATA", "RYORIN_MODELS_DIR") if "PYTEST_XDIST_WORKER" in os.environ else ("RYORIN_BENCH_DATA",)
for name in [name for name in os.environ if name.startswith("RYORIN_") and name not in OURS]:
    del os.environ[name]
if "RYORIN_MODELS_DIR" not in os.environ:
    # the model is converted once for all servers and workers of a run
    models = tempfile.mkdtemp(prefix="ryorin-test-models-")
    os.environ["RYORIN_MODELS_DIR"] = models
    atexit.register(shutil.rmtree, models, ignore_errors=True)

# the same examples in every run, so that a change is judged by what it changes; HYPOTHESIS_PROFILE=random looks further
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.register_profile("random")
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server for the whole session."""
    with tempfile.TemporaryDirectory(prefix="ryorin-test-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres.start(Path(folder), database="admin")
        try:
            yield server.url
        finally:
            server.release()


@pytest.fixture(scope="session")
def engine() -> OnnxE5Engine:
    """The default embedding engine, converted once."""
    return OnnxE5Engine(Path(os.environ["RYORIN_MODELS_DIR"]), threads=2)


@pytest.fixture(scope="session")
async def migrated(server_url: str, engine: OnnxE5Engine) -> str:
    """A database that a server has prepared and left, for others to begin as: a third of the time of beginning anew."""
    name = "migrated"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    with tempfile.TemporaryDirectory(prefix="ryorin-test-") as folder:
        settings = Settings(database_url=server_url.replace("/admin?", f"/{name}?"), data_dir=Path(folder))
        async with open_app(settings, frozenset(), engines={"default": engine}):
            pass
    return name


@pytest.fixture
def database_url(server_url: str, migrated: str) -> Iterator[str]:
    """A fresh database with all tables, and nothing in them."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated}".encode())
    yield server_url.replace("/admin?", f"/{name}?")
    drop_database(server_url, name)


@pytest.fixture
async def app(database_url: str, tmp_path: Path, engine: OnnxE5Engine) -> AsyncIterator[App]:
    """A whole Ryorin on an empty database, all roles at work."""
    settings = Settings(database_url=database_url, data_dir=tmp_path)
    async with open_app(settings, engines={"default": engine}) as running:
        yield running


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    """A bucket called `shelf` behind S3's interface."""
    async with serving_bucket(monkeypatch) as serving:
        yield serving
