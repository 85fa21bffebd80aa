"""Do two processes hold the reference load, a thousand reads a second, while records come in at 100,000 an hour?

Two HTTP processes that answer, one of workers and projections. Reads come at a fixed rate whether or not those before
were answered, each counted from when it was due: most are questions to a collection, asked as often as Zipf's law has
it (s = 1.1); the others are searches, documents, lists, and questions nobody asked before. Records come a hundred at a
time, as documents of a line into a collection of their own, each batch with an idempotency key; beside them documents
that are asked about are changed, which ends the answers that they are in or near.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import httpx
import numpy as np
import psutil
import uvloop

from benchmarks import corpora
from benchmarks.http_load import Connection, connected, get, post
from benchmarks.measure import Machine, data_folder, percentile, report, say
from benchmarks.server import ServerProcess

COLLECTION, RECORDS = "handbook", "records"
DOCUMENTS = 2000
QUESTIONS = 1000
ZIPF = 1.1
HTTP_PROCESSES = 2
CONNECTIONS = 64
RECORDS_PER_HOUR = 100_000
BATCH = 100
# 360 an hour of 2,000 documents; each ends the answers near it
EDITS_PER_SECOND = 0.1
# of the reads: what share is what
SHARES = {"question": 0.90, "search": 0.04, "document": 0.03, "list": 0.02, "new": 0.01}


@dataclass(frozen=True, slots=True)
class Load:
    """Reads and records per second, seconds before and while it is measured."""

    per_second: float
    records_per_second: float
    edits_per_second: float
    warm: float
    seconds: float


@dataclass(slots=True)
class Seen:
    """What came of reads and records; latencies in ms."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in SHARES})
    layers: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    records: int = 0
    edits: int = 0
    record_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is asked about, by document, and the questions, most wanted first."""

    documents: dict[str, str]
    questions: list[str]

    @classmethod
    def read(cls, folder: Path, dice: random.Random, documents: int) -> Corpus:
        """English passages and questions about them."""
        asked = corpora.questions(folder, "en")
        dice.shuffle(asked)
        every = corpora.passages(folder, "en")
        wanted = {one.document: None for one in asked[:QUESTIONS]}
        names = [*wanted, *(name for name in every if name not in wanted)][:documents]
        kept = {name: every[name] for name in names}
        return cls(kept, [one.text for one in asked[:QUESTIONS] if one.document in kept])


class Reads:
    """Draws what is asked next, of one server."""

    def __init__(self, base_url: str, corpus: Corpus, dice: random.Random) -> None:
        self._base = base_url
        self._dice = dice
        self._questions, self._names = corpus.questions, list(corpus.documents)
        weights = 1 / np.arange(1, len(self._questions) + 1) ** ZIPF
        self._weights = np.cumsum(weights / weights.sum())
        self._asked_anew = 0

    def next(self) -> tuple[str, bytes]:
        """Its kind, and how it goes over the wire."""
        kind = self._dice.choices(list(SHARES), list(SHARES.values()))[0]
        return kind, getattr(self, f"_{kind}")()

    def asked(self, text: str) -> bytes:
        """A question as it goes over the wire."""
        body = {"model": f"extractive/collection/{COLLECTION}", "messages": [{"role": "user", "content": text}]}
        return post(f"{self._base}/v1/chat/completions", json.dumps(body).encode())

    def _question(self) -> bytes:
        rank = int(np.searchsorted(self._weights, self._dice.random()))
        return self.asked(self._questions[min(rank, len(self._questions) - 1)])

    def _new(self) -> bytes:
        self._asked_anew += 1
        return self.asked(f"{self._dice.choice(self._questions)} ({self._base} {self._asked_anew})")

    def _search(self) -> bytes:
        body = {"query": self._dice.choice(self._questions), "top_k": 5}
        return post(f"{self._base}/api/v1/collections/{COLLECTION}/search", json.dumps(body).encode())

    def _document(self) -> bytes:
        return get(f"{self._base}/api/v1/collections/{COLLECTION}/documents/{quote(self._dice.choice(self._names))}")

    def _list(self) -> bytes:
        return get(f"{self._base}/api/v1/collections/{COLLECTION}/documents?limit=20")


async def read_all(servers: list[str], corpus: Corpus, load: Load, seen: Seen, dice: random.Random) -> None:
    """All reads of the time, a server after the other."""
    async with asyncio.TaskGroup() as tasks:
        for url in servers:
            reads = Reads(url, corpus, random.Random(dice.random()))
            tasks.create_task(_read(url, load.per_second / len(servers), reads, load, seen))


async def _read(url: str, per_second: float, reads: Reads, load: Load, seen: Seen) -> None:
    due = deque[tuple[float, str, bytes]]()
    async with connected(url, CONNECTIONS) as connections:
        free = deque(connections)

        async def answer(connection: Connection) -> None:
            while due:
                when, kind, request = due.popleft()
                await _one(connection, when, kind, request, seen, measured=when >= started + load.warm)
            free.append(connection)

        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(per_second * (load.warm + load.seconds))):
                when = started + number / per_second
                if (wait := when - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                due.append((when, *reads.next()))
                if free:
                    tasks.create_task(answer(free.popleft()))


async def _one(connection: Connection, when: float, kind: str, request: bytes, seen: Seen, measured: bool) -> None:
    try:
        head, _ = await connection.ask(request)
    except (RuntimeError, OSError) as error:
        seen.errors[str(error)[:200]] += measured
        return
    if measured:
        seen.latencies[kind].append((time.perf_counter() - when) * 1000)
        if kind == "question":
            at = head.find(b"x-ryorin-cache: ")
            seen.layers[head[at + 16 : head.find(b"\r", at)].decode()] += 1


async def write_all(url: str, corpus: Corpus, load: Load, seen: Seen) -> None:
    """Batches of records and single edits at their rates, each sent once and looked after until it is accepted."""
    limits = httpx.Limits(max_connections=8)
    seconds, names = load.warm + load.seconds, list(corpus.documents)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client, asyncio.TaskGroup() as tasks:

        async def batch(number: int, when: float) -> None:
            lines = (json.dumps(_record(number * BATCH + place)) for place in range(BATCH))
            path = f"/api/v1/collections/{RECORDS}/documents"
            await _write(client, "POST", path, "\n".join(lines), f"batch-{number}", when, seen)
            seen.records += BATCH

        async def edit(number: int, when: float) -> None:
            name = names[number % len(names)]
            path = f"/api/v1/collections/{COLLECTION}/documents/{quote(name)}"
            content = f"{corpus.documents[name]}\nEdition {number}.\n"
            await _write(client, "PUT", path, content, f"edit-{number}", when, seen)
            seen.edits += 1

        tasks.create_task(_paced(load.records_per_second / BATCH, seconds, batch))
        tasks.create_task(_paced(load.edits_per_second, seconds, edit))


async def _paced(per_second: float, seconds: float, send: Callable[[int, float], Coroutine[None, None, None]]) -> None:
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(math.ceil(per_second * seconds)):
            when = started + number / per_second
            if (wait := when - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            tasks.create_task(send(number, when))


def _record(number: int) -> dict[str, str]:
    text = f"Record {number}: customer {number % 977} ordered {number % 13} of article {number % 331}."
    return {"id": f"record-{number}", "text": text}


async def _write(
    client: httpx.AsyncClient, method: str, path: str, content: str, key: str, when: float, seen: Seen
) -> None:
    response = await client.request(method, path, content=content.encode(), headers={"idempotency-key": key})
    seen.record_ms.append((time.perf_counter() - when) * 1000)
    if response.status_code not in (200, 202):
        seen.errors[f"{method} {path}: {response.status_code}"] += 1


async def fill(url: str, corpus: Corpus) -> None:
    """The documents that are asked about."""
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        gate = asyncio.Semaphore(8)

        async def put(name: str, text: str) -> None:
            async with gate:
                path = f"/api/v1/collections/{COLLECTION}/documents/{quote(name)}"
                response = await client.put(path, content=text.encode(), headers={"prefer": "wait=60"})
                response.raise_for_status()

        await asyncio.gather(*(put(name, text) for name, text in corpus.documents.items()))
    await drained(url)


async def warm(urls: list[str], corpus: Corpus) -> None:
    """Every question once to each server, a few at a time: the caches are those of a server that runs for long."""
    for url in urls:
        reads = Reads(url, corpus, random.Random(0))
        left = deque(corpus.questions)
        async with connected(url, 8) as connections, asyncio.TaskGroup() as tasks:
            for connection in connections:
                tasks.create_task(_ask_all(connection, reads, left))


async def _ask_all(connection: Connection, reads: Reads, left: deque[str]) -> None:
    while left:
        await connection.ask(reads.asked(left.popleft()))


async def drained(url: str) -> float:
    """Seconds until everything that was accepted had reached the index."""
    started = time.perf_counter()
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        while True:
            text = (await client.get("/metrics")).text
            waiting = _gauge(text, 'ryorin_queue_depth{queue="ingest"}')
            lag = _gauge(text, 'ryorin_projection_lag_events{projection="knowledge.search"}')
            if not waiting and not lag:
                return time.perf_counter() - started
            await asyncio.sleep(0.2)


def _gauge(text: str, name: str) -> float:
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)), 0.0)


async def watch(url: str, ages: list[float], stop: Callable[[], bool]) -> None:
    """The age of the oldest record that waits, twice a second."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        while not stop():
            ages.append(_gauge((await client.get("/metrics")).text, 'ryorin_queue_oldest_age_seconds{queue="ingest"}'))
            await asyncio.sleep(0.5)


async def run(load: Load, folder: Path, documents: int, seed: int) -> int:
    """Measure and report; 1 when anything failed."""
    machine, dice, seen, ages = Machine(), random.Random(seed), Seen(), list[float]()
    corpus = Corpus.read(folder, dice, documents)
    with ExitStack() as stack:
        data = Path(stack.enter_context(TemporaryDirectory(prefix="ryorin-load-")))
        data.chmod(0o755)
        fronts = [stack.enter_context(ServerProcess(data, roles="http")) for _ in range(HTTP_PROCESSES)]
        worker = stack.enter_context(ServerProcess(data, roles="worker,projections").started())
        urls = [front.base_url for front in fronts]
        await fill(urls[0], corpus)
        say(f"{len(corpus.documents)} documents are there")
        await warm(urls, corpus)
        say(f"{load.warm + load.seconds:g} s of reads at {load.per_second:g} a second")
        finished = asyncio.Event()
        watching = asyncio.create_task(watch(urls[0], ages, finished.is_set))
        before = _cpu(fronts, worker)
        started = time.perf_counter()
        await asyncio.gather(read_all(urls, corpus, load, seen, dice), write_all(urls[-1], corpus, load, seen))
        elapsed = time.perf_counter() - started
        used = {name: (now - before[name]) / elapsed for name, now in _cpu(fronts, worker).items()}
        finished.set()
        await watching
        behind = await drained(urls[0])
        memory = [round(psutil.Process(front.pid).memory_info().rss / 1e6) for front in fronts]
    every = [one for found in seen.latencies.values() for one in found]
    for error, count in seen.errors.most_common(5):
        say(f"{count} times: {error}")
    figures = {
        "rps": round(len(every) / load.seconds, 1),
        "errors": sum(seen.errors.values()),
        **{f"p{share}_ms": percentile(every, share) for share in (50, 95, 99)},
        **{f"{kind}_p99_ms": percentile(found, 99) for kind, found in seen.latencies.items() if found},
        "cache_hit_share": round(1 - seen.layers["miss"] / max(1, seen.layers.total()), 4),
        "records_per_hour": round(seen.records / elapsed * 3600),
        "edits_per_s": round(seen.edits / elapsed, 2),
        "record_accepted_p95_ms": percentile(seen.record_ms, 95) if seen.record_ms else None,
        "record_queue_age_p95_s": percentile(ages, 95),
        "behind_at_the_end_s": round(behind, 2),
        "http_cores": round(used["http"], 2),
        "worker_cores": round(used["worker"], 2),
        "postgres_cores": round(used["postgres"], 2),
        "load_cores": round(used["load"], 2),
        "http_rss_mb": max(memory),
    }
    config = {
        "per_second": load.per_second,
        "edits_per_second": load.edits_per_second,
        "http": HTTP_PROCESSES,
        "questions": len(corpus.questions),
        "documents": len(corpus.documents),
        "zipf": ZIPF,
        "shares": SHARES,
        "seed": seed,
    }
    report("load", figures, dict(sorted(seen.layers.items())), machine, {**config, "seconds": load.seconds})
    return 1 if seen.errors else 0


def _cpu(fronts: list[ServerProcess], worker: ServerProcess) -> dict[str, float]:
    def seconds(pid: int) -> float:
        # of those that ended too
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)

    postmaster = int((worker.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    backends = [one.pid for one in psutil.Process(postmaster).children()]
    return {
        "http": sum(seconds(front.pid) for front in fronts),
        "worker": seconds(worker.pid),
        "postgres": sum(map(seconds, [postmaster, *backends])),
        "load": seconds(os.getpid()),
    }


def main() -> int:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds at a tenth of the rate, for correctness only"
    )
    parser.add_argument("--per-second", type=float, default=1000.0)
    parser.add_argument("--records-per-hour", type=float, default=RECORDS_PER_HOUR)
    parser.add_argument("--edits-per-second", type=float, default=EDITS_PER_SECOND)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--warm", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    records = given.records_per_hour / 3600
    load = Load(given.per_second, records, given.edits_per_second, given.warm, given.seconds)
    if given.quick:
        load = Load(20, records, 1.0, 2, 3)
    folder = data_folder()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(load, folder, 60 if given.quick else DOCUMENTS, given.seed))


if __name__ == "__main__":
    raise SystemExit(main())
