"""How many commands a second do one and two workers carry out, behind one and two HTTP processes, on either queue?

The same load each time: as many small documents as there are, put as fast as they are accepted, and questions at a
fixed rate beside them. Commands are counted until the last one has ended. On one machine more processes share its
cores: what is gained by the second worker says how much of the work is waiting.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import uvloop

from benchmarks.harm import Redis
from benchmarks.load import drained, watch
from benchmarks.measure import Machine, percentile, report, say
from benchmarks.server import ServerProcess

QUEUES = ("procrastinate", "celery")
COLLECTION = "scale"
SENDERS = 8
QUESTIONS_PER_SECOND = 20.0
TIMEOUT_SECONDS = 60.0


@dataclass(slots=True)
class Seen:
    """What came of one run."""

    ages: list[float] = field(default_factory=list)
    accepted_ms: list[float] = field(default_factory=list)
    answered_ms: list[float] = field(default_factory=list)
    errors: int = 0


async def put_all(urls: list[str], documents: int, seen: Seen) -> None:
    """Every document once, by several senders."""
    numbers = iter(range(documents))

    async def send(client: httpx.AsyncClient) -> None:
        for number in numbers:
            url = f"{urls[number % len(urls)]}/api/v1/collections/{COLLECTION}/documents/d{number}.md"
            content = f"# Sheet {number}\n\nIt tells about marker{number} and the {number}th lake.\n"
            started = time.perf_counter()
            response = await client.put(url, content=content.encode(), headers={"idempotency-key": f"put-{number}"})
            seen.accepted_ms.append((time.perf_counter() - started) * 1000)
            seen.errors += response.status_code not in (200, 202)

    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        await asyncio.gather(*(send(client) for _ in range(SENDERS)))


async def ask_all(urls: list[str], seen: Seen, stop: asyncio.Event) -> None:
    """Questions that were asked before, at their rate."""
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client, asyncio.TaskGroup() as tasks:

        async def ask(number: int) -> None:
            body = {
                "model": f"extractive/collection/{COLLECTION}",
                "messages": [{"role": "user", "content": f"What does sheet {number % 10} tell about?"}],
            }
            started = time.perf_counter()
            response = await client.post(f"{urls[number % len(urls)]}/v1/chat/completions", content=json.dumps(body))
            seen.answered_ms.append((time.perf_counter() - started) * 1000)
            seen.errors += response.status_code != httpx.codes.OK

        number = 0
        while not stop.is_set():
            tasks.create_task(ask(number))
            number += 1
            await asyncio.sleep(1 / QUESTIONS_PER_SECOND)


async def measured(queue: str, workers: int, fronts: int, documents: int) -> dict[str, float]:
    """One combination, on empty data."""
    seen, stop = Seen(), asyncio.Event()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="ryorin-scale-")))
        folder.chmod(0o755)
        environment = {}
        if queue == "celery":
            redis = Redis(folder)
            redis.start()
            stack.callback(redis.kill)
            environment = {"RYORIN_BROKER__URL": f"redis://127.0.0.1:{redis.port}/0"}
        http = [stack.enter_context(ServerProcess(folder, roles="http", **environment)) for _ in range(fronts)]
        busy = [
            stack.enter_context(ServerProcess(folder, roles="worker,projections", **environment).started())
            for _ in range(workers)
        ]
        urls = [one.base_url for one in http]
        # everything has been done once before it is measured
        await put_all(urls, 10, Seen())
        await drained(urls[0])
        before = [_cpu(one) for one in (*http, *busy)]
        started = time.perf_counter()
        watching = asyncio.create_task(watch(urls[0], seen.ages, stop.is_set))
        asking = asyncio.create_task(ask_all(urls, seen, stop))
        await put_all(urls, documents, seen)
        accepted = time.perf_counter() - started
        await drained(urls[0])
        elapsed = time.perf_counter() - started
        stop.set()
        await asyncio.gather(watching, asking)
        used = [_cpu(one) - then for one, then in zip((*http, *busy), before, strict=True)]
    return {
        "commands_per_s": round(documents / elapsed, 1),
        "accepted_per_s": round(documents / accepted, 1),
        "queue_age_p95_s": percentile(seen.ages, 95),
        "accepted_p95_ms": percentile(seen.accepted_ms, 95),
        "answered_p95_ms": percentile(seen.answered_ms, 95),
        "http_cores": round(sum(used[:fronts]) / elapsed, 2),
        "worker_cores": round(sum(used[fronts:]) / elapsed, 2),
        "errors": seen.errors,
    }


def _cpu(process: ServerProcess) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


async def run(documents: int) -> int:
    """All combinations; 1 when anything failed."""
    machine, figures = Machine(), dict[str, float]()
    for queue, workers, fronts in product(QUEUES, (1, 2), (1, 2)):
        found = await measured(queue, workers, fronts, documents)
        say(f"{queue}, {workers} worker(s), {fronts} HTTP: {found}")
        figures |= {f"{queue}_{workers}w{fronts}h_{name}": value for name, value in found.items()}
    for queue in QUEUES:
        one, two = (figures[f"{queue}_{workers}w1h_commands_per_s"] for workers in (1, 2))
        figures[f"{queue}_second_worker_ratio"] = round(two / one, 2)
    report("scale", figures, {}, machine, {"documents": documents, "questions_per_s": QUESTIONS_PER_SECOND})
    return 1 if any(value for name, value in figures.items() if name.endswith("errors")) else 0


def main() -> int:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few documents, for correctness only")
    parser.add_argument("--documents", type=int)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(given.documents or (20 if given.quick else 800)))


if __name__ == "__main__":
    raise SystemExit(main())
