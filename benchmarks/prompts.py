"""How fast is a prompt fetched by label over HTTP, and how soon do other processes see a label that moved?

One process for `fetch_rps` (Ryorin's own route) and `langfuse_rps` (Langfuse's), every connection always busy, in turns
with a route of the same server that does nothing. Then two processes on one database: a label is moved through one and
read through the other, with the consistency token of the move (`token_stale`: how often the old version came all the
same) and without one (`seen_ms`: how long the old version came).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
import uvloop

from benchmarks.http_load import connected, get, post, saturate
from benchmarks.measure import Machine, percentile, report, say
from benchmarks.server import ServerProcess

PROMPT = "/api/v1/prompts/greeter"
LANGFUSE = "/api/public/v2/prompts/greeter"
TEXT = "You help the staff of {{company}}. Answer in one sentence. 敬語で答えてください。\n" * 8
CONNECTIONS = 32
TIMEOUT_SECONDS = 10.0


def fill(client: httpx.Client) -> None:
    """A prompt with two versions."""
    for number in range(2):
        body = {"text": f"{TEXT}{number}", "kind": "text", "labels": ["production"]}
        client.post(f"{PROMPT}/versions", json=body).raise_for_status()


async def rates(base_url: str, rounds: int, seconds: float) -> dict[str, float]:
    """Requests per second of each route, medians over the rounds."""
    sides = {
        "fetch": get(f"{base_url}{PROMPT}?label=production"),
        "langfuse": get(f"{base_url}{LANGFUSE}?label=production"),
        "bare": post(f"{base_url}/bare", b"{}"),
    }
    found: dict[str, list[float]] = {name: [] for name in sides}
    async with connected(base_url, CONNECTIONS) as connections:
        for number in range(rounds):
            for name in sides if number % 2 == 0 else reversed(sides):
                rate, _ = await saturate(connections, [sides[name]], seconds, b"200")
                found[name].append(rate)
            say(f"round {number + 1}: " + ", ".join(f"{name} {rates[-1]:.0f}/s" for name, rates in found.items()))
    return {f"{name}_rps": round(median(values), 1) for name, values in found.items()}


def moves(first: httpx.Client, second: httpx.Client, count: int) -> dict[str, float]:
    """Label moves through one process, as the other one sees them."""
    stale, seen = 0, []
    for number in range(count):
        wanted = number % 2 + 1
        moved = first.put(f"{PROMPT}/labels/production", json={"version": wanted}).raise_for_status()
        began = time.perf_counter()
        if number % 2:
            told = {"x-ryorin-consistency": moved.headers["x-ryorin-position"]}
            stale += second.get(PROMPT, headers=told).raise_for_status().json()["version"]["number"] != wanted
            continue
        while second.get(PROMPT).raise_for_status().json()["version"]["number"] != wanted:
            if time.perf_counter() - began > TIMEOUT_SECONDS:
                raise RuntimeError("the label's move was not seen")
        seen.append((time.perf_counter() - began) * 1000)
    return {
        "moves": count,
        "token_stale": stale,
        "seen_p50_ms": percentile(seen, 50),
        "seen_max_ms": round(max(seen), 3),
    }


def run(rounds: int, seconds: float, count: int) -> None:
    """The whole benchmark."""
    machine = Machine()
    with tempfile.TemporaryDirectory(prefix="ryorin-prompts-") as folder:
        data_dir = Path(folder)
        with (
            ServerProcess(data_dir, module="benchmarks.cached_server") as server,
            httpx.Client(base_url=server.base_url, timeout=30) as first,
        ):
            fill(first)
            first.put("/bare", content=first.get(PROMPT).content).raise_for_status()
            figures = uvloop.run(rates(server.base_url, rounds, seconds))
            with ServerProcess(data_dir) as other, httpx.Client(base_url=other.base_url, timeout=30) as second:
                figures |= moves(first, second, count)
    baseline = {"bare_rps": figures.pop("bare_rps")}
    report("prompts", figures, baseline, machine, {"connections": CONNECTIONS, "rounds": rounds, "seconds": seconds})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, for correctness only")
    quick = parser.parse_args().quick
    run(1, 0.5, 6) if quick else run(5, 4, 100)


if __name__ == "__main__":
    main()
