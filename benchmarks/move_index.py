"""Does a collection move to another store and embedding under load without one failed or half-answered query?

50 searches a second, each for the exact wording of one chunk, run before, during and after the moves, while a writer
adds documents and looks for each with the token of its write. HNSW misses a chunk now and then; so for each that is
not among the first ten hits it is looked up whether the serving index holds it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Machine, percentile, report, say
from benchmarks.trigrams import Trigrams
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.postgres.pool import Pool
from ryorin.bootstrap.app import open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.commands import MoveIndex, PutDocument
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.pipeline import IndexSpec
from ryorin.contexts.knowledge.queries import SEARCH_MODEL, SearchChunks
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.entrypoints.services import Services
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import RyorinError
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Command

CHUNKS = 20_000
CHUNKS_PER_DOCUMENT = 100
RATE_PER_S = 50
# different chunks that are asked for
ASKED = 1000
WRITE_EVERY_S = 1.0
QUIET_S = 10.0
FILL_S = 600.0
TOP_K = 10
SYLLABLES = (
    "ka",
    "ri",
    "to",
    "mo",
    "sen",
    "shi",
    "ha",
    "ru",
    "na",
    "gi",
    "yo",
    "te",
    "so",
    "wa",
    "ne",
    "el",
    "or",
    "fi",
)
# libSQL compares everything and cannot answer 50 searches a second of 20,000 chunks on two cores
MOVES = (IndexSpec("qdrant", "e5"), IndexSpec("pgvector", "e5", "binary"), IndexSpec())


# whether the index that serves now has a chunk, in its store or among what is compared for it
HELD = """
SELECT CASE WHEN k.index_id IS NULL THEN c.vector IS NOT NULL
       ELSE EXISTS (SELECT 1 FROM search_points p WHERE p.index_id = k.index_id AND p.chunk_id = c.chunk_id
                    AND p.state IN ('pending', 'stored')) END AS held
FROM search_chunks c JOIN search_collections k USING (org_id, collection)
JOIN search_documents d ON d.document_no = c.document_no AND d.version = c.version
WHERE position(%s IN c.text) > 0
"""


@dataclass(slots=True)
class Tally:
    """What became of the searches of one phase."""

    asked: int = 0
    errors: int = 0
    half_filled: int = 0
    hnsw_missed: int = 0
    degraded: int = 0
    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0


def sentence(number: int) -> str:
    """A wording that no other chunk has."""
    dice = random.Random(number)
    words = ["".join(dice.choices(SYLLABLES, k=3)) for _ in range(8)]
    return f"{' '.join(words)} {number}."


def document(number: int, chunks: int) -> str:
    """Sections of one sentence, each a chunk of its own."""
    first = number * CHUNKS_PER_DOCUMENT
    return "".join(f"# {n}\n\n{sentence(n)}\n\n" for n in range(first, first + chunks))


async def done(services: Services, command: Command) -> CommandView:
    """Send a command and wait for its end."""
    receipt = await services.commands.send(command, LOCAL_ADMINISTRATOR)
    while True:
        asked = GetCommand(id=receipt.record.envelope.id, wait_seconds=30)
        view = await services.queries.ask(asked, LOCAL_ADMINISTRATOR)
        if view.ended:
            if view.state != "succeeded":
                raise SystemExit(f"{command.name} ended as {view.state}: {view.error}")
            return view


async def put(services: Services, name: str, text: str) -> CommandView:
    """Put a document."""

    async def pieces() -> AsyncIterator[bytes]:
        yield text.encode()

    stored = await services.upload(LOCAL_ADMINISTRATOR, pieces())
    return await done(
        services,
        PutDocument(
            collection="docs",
            document=name,
            content_hash=stored.content_hash,
            size_bytes=stored.size_bytes,
            filename=name,
        ),
    )


class Load:
    """Searches at a steady rate, and a writer; their outcomes go to the tally of the phase."""

    def __init__(self, services: Services, pool: Pool, chunks: int, rate: float) -> None:
        self._services = services
        self._pool = pool
        self._numbers = range(0, chunks, max(1, chunks // ASKED))
        self._rate = rate
        self._dice = random.Random(7)
        self.tally = Tally()
        self.written = 0

    async def search(self, number: int, demand: Consistency = EVENTUAL) -> None:
        """Look for one chunk by its wording."""
        tally, started = self.tally, time.perf_counter()
        tally.asked += 1
        query = SearchChunks(collection="docs", text=sentence(number), top_k=TOP_K, mode="vector")
        try:
            result = await self._services.queries.ask(query, LOCAL_ADMINISTRATOR, demand)
        except RyorinError as error:
            tally.errors += 1
            say(f"  {error.code}: {error.detail}")
            return
        tally.milliseconds.append((time.perf_counter() - started) * 1000)
        tally.degraded += bool(result.degraded)
        if not any(sentence(number) in hit.text for hit in result.hits):
            rows = await self._pool.fetch(HELD, (sentence(number),))
            held = bool(rows and rows[0]["held"])
            tally.hnsw_missed += held
            tally.half_filled += not held
            say(f"  chunk {number} was missed by {result.plan}, held: {held}")

    async def run(self) -> None:
        """Ask until cancelled, whether or not the earlier searches have come back."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write())
            due = time.perf_counter()
            while True:
                group.create_task(self.search(self._dice.choice(self._numbers)))
                due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def _write(self) -> None:
        while True:
            number = 10_000_000 + self.written
            view = await put(self._services, f"new{number}.md", f"# {number}\n\n{sentence(number)}\n")
            assert view.position is not None
            await self.search(number, Consistency(LogPosition.parse(view.position), 30))
            self.written += 1
            await asyncio.sleep(WRITE_EVERY_S)

    def next_phase(self) -> Tally:
        """Begin to count anew; what was counted so far."""
        before, self.tally = self.tally, Tally()
        return before


async def run(chunks: int, quiet: float, rate: float) -> None:
    """Fill, load, move, move back."""
    machine = Machine()
    phases: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory(prefix="ryorin-move-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        engines: dict[str, EmbeddingEngine] = {"default": Trigrams(), "e5": OnnxE5Engine(folder / "models", threads=2)}
        async with open_app(Settings(data_dir=folder), engines=engines) as app:
            services = app.services
            load = Load(services, app.base.pool, chunks, rate)
            for number in range(chunks // CHUNKS_PER_DOCUMENT):
                view = await put(services, f"d{number}.md", document(number, CHUNKS_PER_DOCUMENT))
            assert view.position is not None
            await services.positions.wait_for((SEARCH_MODEL,), LogPosition.parse(view.position), FILL_S)
            say(f"{chunks} chunks are there")
            running = asyncio.create_task(load.run())
            await asyncio.sleep(quiet)
            phases["before"] = load.next_phase()
            for spec in MOVES:
                started = time.perf_counter()
                await done(services, MoveIndex(collection="docs", spec=spec))
                name = f"to_{spec.store}_{spec.embedding}"
                phases[name] = load.next_phase()
                phases[name].seconds = time.perf_counter() - started
                say(f"{name}: {phases[name].seconds:.1f} s, {phases[name].asked} searches")
                await asyncio.sleep(quiet)
                phases[f"on_{spec.store}_{spec.embedding}"] = load.next_phase()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    figures: dict[str, float] = {
        "queries": sum(tally.asked for tally in phases.values()),
        "errors": sum(tally.errors for tally in phases.values()),
        "half_filled": sum(tally.half_filled for tally in phases.values()),
        "hnsw_missed": sum(tally.hnsw_missed for tally in phases.values()),
        "degraded": sum(tally.degraded for tally in phases.values()),
        "written": load.written,
    }
    for name, tally in phases.items():
        figures[f"{name}_p50_ms"] = percentile(tally.milliseconds, 50)
        figures[f"{name}_p99_ms"] = percentile(tally.milliseconds, 99)
        if tally.seconds:
            figures[f"{name}_s"] = round(tally.seconds, 1)
    moves = [f"{spec.store}/{spec.embedding}" for spec in MOVES]
    report("move_index", figures, {}, machine, {"chunks": chunks, "rate_per_s": rate, "moves": moves})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="400 chunks, for correctness only")
    arguments = parser.parse_args()
    if arguments.quick:
        asyncio.run(run(400, 1.0, 20))
    else:
        asyncio.run(run(CHUNKS, QUIET_S, RATE_PER_S))


if __name__ == "__main__":
    main()
