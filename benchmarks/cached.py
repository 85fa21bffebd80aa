"""How fast is a cached answer over HTTP: from memory (L1), from PostgreSQL (L2), beside a route that does nothing?

One worker, kept-alive connections. `l1_rps` and `l2_rps` are taken with every connection always busy, in turns with
the bare route of the same server; `l1_p50_ms` and `l1_p99_ms` at 1,000 requests/s, counted from when each was due.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import psutil
import uvloop

from benchmarks.http_load import connected, paced, post, saturate
from benchmarks.measure import Machine, percentile, report, say
from benchmarks.server import ServerProcess

RATE = 1000
DOCUMENTS = 40
CHAT = "/v1/chat/completions"
# answers in memory expire before they can be asked for again
NO_MEMORY = {"RYORIN_CACHE__L1_TTL_SECONDS": "0.000001"}


Rounds = defaultdict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked."""

    connections: int
    questions: int
    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Side:
    """One of the compared paths: where it is asked, and what its responses must say."""

    name: str
    url: str
    expected: bytes
    process: psutil.Process


def text_of(number: int) -> str:
    """A document about something of its own."""
    return (
        f"# Lake {number}\n\nLake number {number} lies {number * 7} metres above the sea. Boats leave at {number % 12}"
        f" o'clock. 第{number}湖の面積は{number * 3}平方キロメートルです。湖畔の宿は四月に開きます。\n"
    )


def question(number: int) -> bytes:
    """The body of a chat request; every other one is Japanese."""
    lake = number % DOCUMENTS
    words = f"第{lake}湖の面積は？（{number}）" if number % 2 else f"How high does lake number {lake} lie? ({number})"
    body = {"model": "collection/lakes", "messages": [{"role": "user", "content": words}]}
    return json.dumps(body, ensure_ascii=False).encode()


def fill(server: ServerProcess) -> None:
    """Put the documents and wait until they can be searched."""
    with httpx.Client(base_url=server.base_url, timeout=120) as client:
        for number in range(DOCUMENTS):
            path = f"/api/v1/collections/lakes/documents/{number}.md"
            response = client.put(path, content=text_of(number).encode(), headers={"prefer": "wait=100"})
            response.raise_for_status()
        told = {"x-ryorin-consistency": response.headers["x-ryorin-position"]}
        client.post("/api/v1/collections/lakes/search", json={"query": "lake"}, headers=told).raise_for_status()
        client.post(CHAT, content=question(0), headers=told).raise_for_status()


def warm(server: ServerProcess, questions: int, layer: str) -> bytes:
    """Ask everything until it comes from `layer`; the last body."""
    with httpx.Client(base_url=server.base_url, timeout=120) as client:
        for number in range(questions):
            for _ in range(3):
                response = client.post(CHAT, content=question(number)).raise_for_status()
            if response.headers["x-ryorin-cache"] != layer:
                raise RuntimeError(f"question {number} came from {response.headers['x-ryorin-cache']}, not {layer}")
        return response.content


async def measure(sides: list[Side], load: Load) -> dict[str, float]:
    """Every side in turns, medians over the rounds; then the first one at a fixed rate."""
    bodies = [question(number) for number in range(load.questions)]
    requests = {side.name: [post(side.url, body) for body in bodies] for side in sides}
    rates: Rounds = defaultdict(list)
    spent: Rounds = defaultdict(list)
    latencies: Rounds = defaultdict(list)
    for number in range(load.rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            before = sum(side.process.cpu_times()[:2])
            async with connected(side.url, load.connections) as connections:
                rate, taken = await saturate(connections, requests[side.name], load.seconds, side.expected)
            spent[side.name].append((sum(side.process.cpu_times()[:2]) - before) / len(taken) * 1e6)
            rates[side.name].append(rate)
            latencies[side.name] += taken
        say(f"round {number + 1}: " + ", ".join(f"{name} {found[-1]:.0f}/s" for name, found in rates.items()))
    figures = {}
    for side in sides:
        figures[f"{side.name}_rps"] = round(median(rates[side.name]), 1)
        figures[f"{side.name}_cpu_us"] = round(median(spent[side.name]), 1)
        figures[f"{side.name}_busy_p50_ms"] = percentile(latencies[side.name], 50)
    figures["l1_rps_ratio_to_bare"] = round(
        median(ours / bare for ours, bare in zip(rates["l1"], rates["bare"], strict=True)), 3
    )
    async with connected(sides[0].url, load.connections) as connections:
        at_rate = await paced(connections, requests["l1"], RATE, load.seconds * load.rounds)
    figures |= {f"l1_p{share}_ms": percentile(at_rate, share) for share in (50, 95, 99)}
    return figures


def run(load: Load) -> None:
    """The whole benchmark."""
    machine = Machine()
    with tempfile.TemporaryDirectory(prefix="ryorin-cached-") as folder:
        data_dir = Path(folder)
        with (
            ServerProcess(data_dir, module="benchmarks.cached_server") as server,
            ServerProcess(data_dir, **NO_MEMORY) as forgetful,
        ):
            say("filling")
            fill(server)
            body = warm(server, load.questions, "l1")
            warm(forgetful, load.questions, "l2")
            httpx.put(f"{server.base_url}/bare", content=body).raise_for_status()
            main, other = psutil.Process(server.pid), psutil.Process(forgetful.pid)
            sides = [
                Side("l1", server.base_url + CHAT, b"x-ryorin-cache: l1", main),
                Side("bare", server.base_url + "/bare", f"content-length: {len(body)}".encode(), main),
                Side("l2", forgetful.base_url + CHAT, b"x-ryorin-cache: l2", other),
            ]
            figures = uvloop.run(measure(sides, load))
    baseline = {name: figures.pop(name) for name in list(figures) if name.startswith("bare_")}
    config = {"connections": load.connections, "questions": load.questions, "rate": RATE, "body_bytes": len(body)}
    report("cached", figures, baseline, machine, {**config, "rounds": load.rounds, "seconds": load.seconds})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, for correctness only")
    quick = parser.parse_args().quick
    run(Load(connections=32, questions=8, rounds=1, seconds=0.5) if quick else Load(32, 200, rounds=7, seconds=4))


if __name__ == "__main__":
    main()
