"""What does ingesting cost beyond the embedding engine, and what does it cost again when 1 % has changed?

The corpus is ingested in parts. After each part the engine alone embeds the same passages, all given at once, so that
both sides see the same machine: `outside_share` is the time of ingesting that the engine alone does not take.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import corpora
from benchmarks.measure import Machine, data_folder, report, say
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.bootstrap.app import Role, open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.entrypoints.cli.ingest import FolderIngest, Report, Target
from ryorin.entrypoints.services import Services

CHANGED_SHARE = 0.01


@dataclass(slots=True)
class WatchedEngine:
    """The engine, with what it was given and how long it took (seconds)."""

    inner: EmbeddingEngine
    passages: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def model_id(self) -> str:
        """The inner engine's."""
        return self.inner.model_id

    @property
    def dimensions(self) -> int:
        """The inner engine's."""
        return self.inner.dimensions

    @property
    def centre(self) -> NDArray[np.float32] | None:
        """The inner engine's."""
        return self.inner.centre

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The inner engine's."""
        return self.inner.embed_queries(texts)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The inner engine's, noted."""
        started = perf_counter()
        vectors = self.inner.embed_passages(texts)
        self.seconds += perf_counter() - started
        self.passages += texts
        return vectors

    def count_tokens(self, text: str) -> int:
        """The inner engine's."""
        return self.inner.count_tokens(text)


@dataclass(frozen=True, slots=True)
class Round:
    """One part of the corpus: seconds of ingesting, within it in the engine, and of the engine alone."""

    whole: float
    within: float
    alone: float
    passages: int
    chunks: int


async def ingest(services: Services, folder: Path) -> tuple[Report, float]:
    """Ingest a folder; the report and the seconds it took."""
    started = perf_counter()
    runner = FolderIngest(services, LOCAL_ADMINISTRATOR, Target(folder, folder.name, ()), Console(stderr=True))
    result = await runner.once()
    if result.failed:
        raise RuntimeError(f"failed: {result.failed}")
    return result, perf_counter() - started


async def measure(services: Services, engine: WatchedEngine, folder: Path, documents: dict[str, str]) -> Round:
    """Ingest one part, then let the engine alone do its share of it."""
    corpora.write(folder, documents)
    engine.passages, engine.seconds = [], 0.0
    result, whole = await ingest(services, folder)
    started = perf_counter()
    await asyncio.to_thread(engine.inner.embed_passages, engine.passages)
    alone = perf_counter() - started
    found = Round(whole, engine.seconds, alone, len(engine.passages), result.chunks)
    say(f"{folder.name}: {found}")
    return found


async def change(services: Services, folders: Sequence[Path]) -> tuple[int, float]:
    """Change every hundredth document by one sentence and ingest again: how many, and the seconds."""
    changed, seconds = 0, 0.0
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in files[:: round(1 / CHANGED_SHARE)]:
            path.write_text(path.read_text(encoding="utf-8") + "\n\nThis sentence is new.\n", encoding="utf-8")
        result, taken = await ingest(services, folder)
        changed, seconds = changed + result.changed, seconds + taken
    return changed, seconds


async def run(parts: int, size: int) -> None:
    """All parts in one data folder."""
    source, machine = data_folder(), Machine()
    pages = corpora.pages(source, "en") | corpora.pages(source, "ja")
    names = sorted(pages, key=mixed)[: parts * size]
    with tempfile.TemporaryDirectory(prefix="ryorin-ingest-") as data:
        Path(data).chmod(0o755)
        engine = WatchedEngine(OnnxE5Engine(Path(data) / "models"))
        settings = Settings(data_dir=Path(data))
        async with open_app(settings, frozenset({Role.WORKER, Role.PROJECTIONS}), engines={"default": engine}) as app:
            warm = Path(data) / "warm"
            corpora.write(warm, {"a.md": "# Warm\n\nThe first document starts the parser.\n"})
            await ingest(app.services, warm)
            folders = [Path(data) / f"part{number}" for number in range(parts)]
            rounds = []
            for number, folder in enumerate(folders):
                documents = {name: pages[name] for name in names[number::parts]}
                rounds.append(await measure(app.services, engine, folder, documents))
            changed, again = await change(app.services, folders)
    whole, alone = sum(found.whole for found in rounds), sum(found.alone for found in rounds)
    figures = {
        "chunks_per_s": round(sum(found.chunks for found in rounds) / whole, 2),
        "outside_share": round(1 - median(found.alone / found.whole for found in rounds), 4),
        "engine_idle_share": round(1 - median(found.within / found.whole for found in rounds), 4),
        "reingest_ratio": round(again / whole, 4),
        "ingest_s": round(whole, 2),
        "reingest_s": round(again, 3),
    }
    baseline = {"engine_chunks_per_s": round(sum(found.passages for found in rounds) / alone, 2)}
    config = {"documents": len(names), "parts": parts, "changed": changed, "chunks": sum(r.chunks for r in rounds)}
    report("ingest", figures, baseline, machine, config)


def mixed(name: str) -> str:
    """An order that mixes projects and languages, the same on each run."""
    return name[::-1]


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few documents, for correctness only")
    asyncio.run(run(1, 4) if parser.parse_args().quick else run(3, 40))


if __name__ == "__main__":
    main()
