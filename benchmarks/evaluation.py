"""Does an evaluation that is killed three times end with a result for each item, none paid for twice?

`missing` items have no result, `again` were asked again although their result was kept, `usd_over` is what the summary
counts beyond one call for each item. What was being asked when the server was killed is asked again: `in_flight`.
"""

from __future__ import annotations

import argparse
import time

import httpx

from benchmarks.measure import Machine, report, say
from benchmarks.server import ServerProcess
from benchmarks.upstream import UpstreamProcess

KILLS = 3
CONCURRENCY = 8
PIECES = 8
PROMPT_TOKENS = 8
PRICE = {"input": 1.0, "output": 2.0}
DEADLINE_SECONDS = 900.0


def fill(client: httpx.Client, base_url: str, items: int) -> None:
    """A model with a price, and the dataset."""
    client.put("/api/v1/providers/mock", json={"base_url": base_url}).raise_for_status()
    body = {"model": "mock", "price": PRICE}
    client.put("/api/v1/providers/mock/models/mock", json=body).raise_for_status()
    cases = [
        {"id": f"{number:05}", "input": f"What is {number}? 第{number}問", "expected": str(number), "split": "test"}
        for number in range(items)
    ]
    client.put("/api/v1/datasets/many", json={"items": cases}).raise_for_status()


def start(client: httpx.Client) -> str:
    """The evaluation's command."""
    body = {
        "name": "killed",
        "dataset": "many",
        "model": "mock",
        "metrics": [{"kind": "token_f1"}, {"kind": "contains"}],
        "concurrency": CONCURRENCY,
    }
    found = client.post("/api/v1/evaluations", json=body, headers={"idempotency-key": "killed"})
    return str(found.raise_for_status().json()["id"])


def progress(server: ServerProcess, command: str) -> tuple[str, int]:
    """State and items done; asked again while the server comes up."""
    try:
        found = httpx.get(f"{server.base_url}/api/v1/commands/{command}", timeout=10).raise_for_status().json()
    except httpx.HTTPError:
        return "unknown", 0
    return found["state"], int((found.get("progress") or {}).get("done", 0))


def wait_for(server: ServerProcess, command: str, items: int) -> str:
    """Until so many are done, or it ended; its state."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        state, done = progress(server, command)
        if state in ("succeeded", "failed", "dead", "cancelled") or done >= items:
            return state
        time.sleep(0.05)
    raise RuntimeError(f"the evaluation did not come to {items} items")


def counted(client: httpx.Client) -> int:
    """Results that are kept."""
    found, offset = 0, 0
    while True:
        page = client.get("/api/v1/evaluations/killed/results", params={"offset": offset, "limit": 1000}).json()
        found += len(page["results"])
        if page["next_offset"] is None:
            return found
        offset = page["next_offset"]


def run(items: int, pause: float) -> int:
    """The whole benchmark."""
    machine = Machine()
    with UpstreamProcess(PIECES, pause / PIECES) as upstream, ServerProcess() as server:
        with httpx.Client(base_url=server.base_url, timeout=60) as client:
            fill(client, upstream.base_url, items)
            command = start(client)
        began = time.monotonic()
        for kill in range(1, KILLS + 1):
            wait_for(server, command, kill * items // (KILLS + 1))
            server.kill()
            say(f"killed at {kill} of {KILLS + 1}")
            server.start()
        state = wait_for(server, command, items + 1)
        seconds = time.monotonic() - began
        with httpx.Client(base_url=server.base_url, timeout=60) as client:
            summary = client.get("/api/v1/evaluations/killed").raise_for_status().json()["summary"]
            results = counted(client)
        calls = upstream.calls()
    price = (PROMPT_TOKENS * PRICE["input"] + PIECES * PRICE["output"]) / 1e6
    figures = {
        "results": results,
        "missing": items - results,
        "in_flight": calls - items,
        "again": max(0, calls - items - KILLS * CONCURRENCY),
        "usd_over": round(summary["usd"] - items * price, 9),
        "items_per_s": round(items / seconds, 1),
    }
    report("evaluation", figures, {"calls_of_a_perfect_run": items}, machine, {"items": items, "kills": KILLS})
    return 0 if state == "succeeded" and not figures["missing"] and not figures["again"] else 1


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, for correctness only")
    quick = parser.parse_args().quick
    raise SystemExit(run(200, 0.02) if quick else run(5000, 0.02))


if __name__ == "__main__":
    main()
