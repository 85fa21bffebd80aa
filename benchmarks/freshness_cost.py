"""What does it cost to find the cached answers that new chunks touch, and do reads notice?

100,000 cached answers of one collection, 1,000 new chunks in 100 documents, put through the freshness projection on
PostgreSQL in its usual batches; then as many more while a process of its own reads cached answers all the time. Beside
it, in the same run: what the projection did before there was reverse search, reading and judging every probe, for a
hundredth of the answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.index import DIMENSIONS, Vectors, make_centres, make_vectors
from benchmarks.measure import Machine, percentile, report, say
from ryorin.adapters.onnx_e5.products import OnnxByteProducts
from ryorin.adapters.postgres.answers import PostgresAnswerRows, PostgresAnswerStore
from ryorin.adapters.postgres.embedded import EmbeddedPostgres
from ryorin.adapters.postgres.migrate import migrate
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.projections import PostgresProjectionStore, Schema
from ryorin.adapters.postgres.search_tables import search_schema
from ryorin.bootstrap.wiring.projections import SEARCH_BATCH
from ryorin.contexts.answers.queries import FRESHNESS_MODEL, Answer, Usage
from ryorin.contexts.knowledge.events import DocumentShared, DocumentVersionIndexed
from ryorin.contexts.knowledge.probe import Newcomer, would_change
from ryorin.contexts.knowledge.queries import SEARCH_MODEL, Candidate, ContextProbe, SearchFilter
from ryorin.kernel.codec import to_json
from ryorin.kernel.events import EventMetadata, LogPosition, RecordedEvent, Stream
from ryorin.kernel.messages import OrgId
from ryorin.processes.keep_answers_fresh import FreshnessProjection
from ryorin.processes.probe_codec import decode_probe, encode_outline, encode_probe

ANSWERS = 100_000
CHUNKS, CHUNKS_PER_DOCUMENT = 1000, 10
ORG, COLLECTION, MODEL = OrgId("bench"), "docs", "m"
LIST = 50
TERMS, VOCABULARY = 12, 50_000
CHUNK_TERMS = 120
# full probes that differ; answers share them, since making 100,000 takes longer than the measurement
DISTINCT = 500
READ_SECONDS = 6.0


ANSWER = json.dumps(to_json(Answer("a", 0, "extractive", "Made up.", "stop", Usage(0, 0), (), "miss", "0-0", {})))


@dataclass(frozen=True)
class MadeUpChunks:
    """The `ChangedChunks` port: new chunks by document."""

    newcomers_of: dict[str, list[Newcomer]]

    async def newcomers(self, org_id: OrgId, event: DocumentVersionIndexed | DocumentShared) -> Sequence[Newcomer]:
        return self.newcomers_of[event.document]


def probe_of(vector: Vectors, corpus: Vectors, dice: np.random.Generator) -> ContextProbe:
    """A search of a corpus: its real nearest chunks, and made-up words."""
    scores = corpus @ vector
    best = np.argsort(-scores)[:LIST]
    terms = np.sort(dice.choice(VOCABULARY, TERMS, replace=False))
    lexical = np.sort(dice.uniform(12, 30, size=LIST))[::-1]
    return ContextProbe(
        collection=COLLECTION,
        filter=SearchFilter(),
        top_k=5,
        mode="fused",
        list_limit=LIST,
        lexicon_epoch=1,
        vectors=(tuple(vector.tolist()),),
        term_ids=tuple(terms.tolist()),
        term_weights=tuple(dice.uniform(1, 8, size=TERMS).tolist()),
        dense=(tuple(Candidate(int(at), f"d{at // 10}", float(scores[at])) for at in best),),
        lexical=tuple(
            Candidate(int(at), f"d{at // 10}", float(score)) for at, score in zip(best, lexical, strict=True)
        ),
        pool=30,
        model_id=MODEL,
    )


def newcomer(document: str, vector: Vectors, dice: np.random.Generator) -> Newcomer:
    """A new chunk with words as frequent as they are in text: by Zipf's law."""
    terms = np.unique(np.minimum(dice.zipf(1.2, size=CHUNK_TERMS), VOCABULARY - 1)).astype(np.int32)
    weights = dice.uniform(0.5, 1.5, size=len(terms)).astype(np.float32)
    return Newcomer(document, {MODEL: vector}, terms, weights, frozenset(), {})


def fill(url: str, probes: Sequence[ContextProbe], answers: int) -> None:
    """Keep so many answers."""
    bodies = [(encode_probe(probe).hex(), encode_outline(probe).hex()) for probe in probes]
    columns = (
        "org_id, key, id, collection, lexicon_epoch, answer, probe, outline, transaction_id, position, created_at,"
        " expires_at"
    )
    with psycopg.connect(url) as connection:
        with connection.cursor().copy(f"COPY answers ({columns}) FROM STDIN".encode()) as copy:
            for number in range(answers):
                probe, outline = bodies[number % len(bodies)]
                fields = (ORG, f"k{number}", f"a{number}", COLLECTION, 1, ANSWER, f"\\\\x{probe}", f"\\\\x{outline}")
                copy.write("\t".join(map(str, fields)) + "\t0\t0\tnow\t2100-01-01\n")
        statement = (
            "INSERT INTO search_collections (org_id, collection, incarnation, lexicon_epoch) VALUES (%s, %s, 1, 1)"
        )
        connection.execute(statement, (ORG, COLLECTION))
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE answers")


def events_of(documents: Sequence[str]) -> list[RecordedEvent]:
    """A new version of each document."""
    return [
        RecordedEvent(
            stream=Stream(ORG, "document", f"{COLLECTION}/{document}"),
            version=number + 1,
            position=LogPosition(10, number + 1),
            event=DocumentVersionIndexed(
                collection=COLLECTION,
                incarnation=1,
                document=document,
                version=1,
                content_hash="",
                size_bytes=1,
                filename=document,
                media_type="text/markdown",
                language=None,
                title=document,
                metadata={},
                tags=(),
                chunk_set="",
                chunk_count=CHUNKS_PER_DOCUMENT,
                accepted_sequence=number,
            ),
            metadata=EventMetadata("bench", "bench", "bench"),
            recorded_at=datetime.now(UTC),
        )
        for number, document in enumerate(documents)
    ]


def read_all_the_time(url: str, answers: int, stop: Flag, results: Any) -> None:
    """Reads cached answers until told to stop: (time, milliseconds) of each."""

    async def reading() -> list[tuple[float, float]]:
        pool, dice, times = Pool(url, 4), np.random.default_rng(5), []
        await pool.open()
        store = PostgresAnswerStore(pool)
        while not stop.is_set():
            started = time.time()
            await store.get(ORG, f"k{dice.integers(answers)}", settled=True)
            times.append((started, (time.time() - started) * 1000))
        await pool.close()
        return times

    results.put(asyncio.run(reading()))


async def apply(projection: FreshnessProjection, pool: Pool, events: Sequence[RecordedEvent]) -> float:
    """Put events through the projection, a transaction for each batch; seconds."""
    started = time.perf_counter()
    for first in range(0, len(events), SEARCH_BATCH):
        async with pool.transaction() as connection:
            await projection.apply(events[first : first + SEARCH_BATCH], PostgresAnswerRows(connection, 1))
    return time.perf_counter() - started


async def run(answers: int, chunks: int) -> None:
    """Fill, read, change."""
    machine, dice = Machine(), np.random.default_rng(20261121)
    centres = make_centres(dice)
    corpus = make_vectors(20_000, dice, centres)
    probes = [probe_of(vector, corpus, dice) for vector in make_vectors(min(DISTINCT, answers), dice, centres)]
    fresh = make_vectors(2 * chunks, dice, centres)
    # as many while nobody reads, and then while somebody does
    documents = [f"new{number}" for number in range(2 * chunks // CHUNKS_PER_DOCUMENT)]
    made = {
        document: [
            newcomer(document, fresh[at], dice)
            for at in range(number * CHUNKS_PER_DOCUMENT, (number + 1) * CHUNKS_PER_DOCUMENT)
        ]
        for number, document in enumerate(documents)
    }
    with tempfile.TemporaryDirectory(prefix="ryorin-freshness-") as temporary:
        Path(temporary).chmod(0o755)
        server = await asyncio.to_thread(EmbeddedPostgres.start, Path(temporary))
        await asyncio.to_thread(migrate, server.url)
        pool = Pool(server.url, 8)
        await pool.open()
        for name, schema in ((SEARCH_MODEL, search_schema(DIMENSIONS)), (FRESHNESS_MODEL, Schema("", ()))):
            await PostgresProjectionStore(pool, name, schema, lambda *_: None).ensure()
        await asyncio.to_thread(fill, server.url, probes, answers)
        say(f"{answers} answers are there")
        projection = FreshnessProjection(MadeUpChunks(made), OnnxByteProducts())
        events = events_of(documents)
        quiet, read = events[: len(events) // 2], events[len(events) // 2 :]
        # a document that no answer knows and no word: what it takes to read the outlines
        made["first"] = []
        loading = await apply(projection, pool, events_of(["first"]))
        alone = await apply(projection, pool, quiet)
        context = multiprocessing.get_context("spawn")
        stop, results = context.Event(), context.Queue()
        reader = context.Process(target=read_all_the_time, args=(server.url, answers, stop, results), daemon=True)
        reader.start()
        await asyncio.sleep(READ_SECONDS)
        begun = time.time()
        seconds = await apply(projection, pool, read)
        ended = time.time()
        await asyncio.sleep(1.0)
        stop.set()
        reads: list[tuple[float, float]] = await asyncio.to_thread(results.get)
        reader.join()
        invalidated = await pool.fetch("SELECT count(*) AS n FROM answers WHERE invalidated_at IS NOT NULL")
        await pool.close()
        server.release()
    before = [taken for at, taken in reads if begun - READ_SECONDS / 2 < at < begun]
    during = [taken for at, taken in reads if begun <= at <= ended]
    sample = [encode_probe(probe) for probe in probes[: max(1, answers // 100)]]
    started = time.perf_counter()
    for body in sample:
        decoded = decode_probe(body)
        for document in documents[:10]:
            would_change(decoded, made[document], {document})
    without = (time.perf_counter() - started) / len(sample) * answers * len(read) / 10
    figures = {
        "invalidation_alone_s": round(alone, 3),
        "invalidation_s": round(seconds, 3),
        "loading_s": round(loading, 2),
        "invalidated": int(invalidated[0]["n"]),
        "reads_p99_ratio": round(percentile(during, 99) / percentile(before, 99), 2),
        "read_p99_before_ms": percentile(before, 99),
        "read_p99_during_ms": percentile(during, 99),
    }
    baseline = {"judging_every_probe_s": round(without, 1)}
    config = {"answers": answers, "chunks": chunks, "dimensions": DIMENSIONS, "batch": SEARCH_BATCH}
    report("freshness_cost", figures, baseline, machine, config)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="500 answers and 50 chunks, for correctness only")
    parser.add_argument("--answers", type=int, default=ANSWERS, help="how many cached answers")
    arguments = parser.parse_args()
    asyncio.run(run(500, 50) if arguments.quick else run(arguments.answers, CHUNKS))


if __name__ == "__main__":
    main()
