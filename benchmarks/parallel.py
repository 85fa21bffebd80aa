"""Do experts work beside each other and beside retrieval, and does a hanging one cost no more than the deadline?

A server with three experts, whose models answer after 300, 400 and 500 ms, and a collection whose retrieval takes
200 ms, because further wordings of the question do. A model that answers at once joins drafts and documents. Beside it
in the same run: the same experts one after the other, as requests of their own.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import httpx

from benchmarks.measure import Machine, percentile, report, say
from benchmarks.server import ServerProcess
from benchmarks.upstream import UpstreamProcess

WAITS = (300, 400, 500)
ALL = [f"waits-{wait}" for wait in WAITS]
SLOWEST, RETRIEVAL = max(WAITS), 200
ROUNDS, QUICK_ROUNDS = 30, 2
DEADLINE_SECONDS = 0.8
HANGS = 60_000


def prepare(client: httpx.Client, upstream: str) -> None:
    """Register the experts, and put a document."""
    client.put("/api/v1/providers/mock", json={"base_url": upstream}).raise_for_status()
    for wait in (0, *WAITS, HANGS):
        body = {"model": f"wait-{wait}", "price": {}}
        client.put(f"/api/v1/providers/mock/models/wait-{wait}", json=body).raise_for_status()
    for wait in (*WAITS, HANGS):
        body = {"model": f"wait-{wait}", "description": f"When do the offices open? Answered in {wait} ms"}
        client.put(f"/api/v1/experts/waits-{wait}", json=body).raise_for_status()
    text = b"# Office\n\nThe Tokyo office opens at nine.\n"
    headers = {"prefer": "wait=60"}
    client.put("/api/v1/collections/docs/documents/office.md", content=text, headers=headers).raise_for_status()


def asked(client: httpx.Client, model: str, question: str, **ryorin: Any) -> tuple[float, dict[str, Any]]:
    """Milliseconds of an answer, and what was told of it."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "ryorin": {"cache": False, **ryorin}}
    started = time.perf_counter()
    answer = client.post("/v1/chat/completions", json=body)
    taken = (time.perf_counter() - started) * 1000
    answer.raise_for_status()
    return taken, answer.json()["ryorin"]


def run(rounds: int) -> None:
    """Ask panels and single experts in turn."""
    machine = Machine()
    together: list[float] = []
    single: list[float] = []
    hanging: list[float] = []
    retrieval: list[float] = []
    with (
        UpstreamProcess(pieces=4) as upstream,
        ServerProcess(
            RYORIN_EXPANSION__URL=upstream.base_url.removesuffix("/v1"), RYORIN_RETRIEVAL__EXPANSION_DEADLINE="2"
        ) as server,
        httpx.Client(base_url=server.base_url, timeout=60) as client,
    ):
        prepare(client, upstream.base_url)
        experts = {"top_k": 3, "fusion": "synthesis", "model": "wait-0", "deadline_seconds": 30}
        client.delete(f"/api/v1/experts/waits-{HANGS}").raise_for_status()
        for number in range(-1, rounds):
            question = f"When does office number {number} open?"
            taken, told = asked(client, "experts", question, collection="docs", expand=True, experts=experts)
            drafts = {draft["expert"]: draft["outcome"] for draft in told["experts"]["drafts"]}
            if drafts != dict.fromkeys(ALL, "answered") or told["experts"]["fusion"] != "synthesis":
                raise SystemExit(f"not every expert answered: {told}")
            one_by_one = sum(asked(client, f"wait-{wait}", question)[0] for wait in WAITS)
            found, _ = asked(client, "extractive", f"{question}!", collection="docs", expand=True)
            if number >= 0:
                together.append(taken)
                single.append(one_by_one)
                retrieval.append(found)
        say(f"together {percentile(together, 50)} ms, one by one {percentile(single, 50)} ms")
        body = {"model": f"wait-{HANGS}", "description": "When do the offices open? Never answered"}
        client.put(f"/api/v1/experts/waits-{HANGS}", json=body).raise_for_status()
        experts = {"top_k": 4, "fusion": "best", "deadline_seconds": DEADLINE_SECONDS}
        for number in range(max(2, rounds // 5)):
            taken, told = asked(client, "experts", f"And office {number}?", experts=experts)
            if f"expert:waits-{HANGS}" not in told["degraded"]:
                raise SystemExit(f"the hanging expert was not cut off: {told}")
            hanging.append(taken)
    p50, one = percentile(together, 50), percentile(single, 50)
    figures = {
        "total_p50_ms": p50,
        "total_p95_ms": percentile(together, 95),
        "over_slowest_p50_ms": round(p50 - SLOWEST, 3),
        "over_slowest_p95_ms": round(percentile(together, 95) - SLOWEST, 3),
        "retrieval_p50_ms": percentile(retrieval, 50),
        "hanging_p50_ms": percentile(hanging, 50),
        "hanging_over_deadline_p95_ms": round(percentile(hanging, 95) - DEADLINE_SECONDS * 1000, 3),
        "ratio_to_one_by_one": round(p50 / one, 3),
    }
    config = {"experts_ms": WAITS, "retrieval_ms": RETRIEVAL, "deadline_s": DEADLINE_SECONDS, "rounds": rounds}
    report("parallel", figures, {"one_by_one_p50_ms": one}, machine, config)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds, for correctness only")
    run(QUICK_ROUNDS if parser.parse_args().quick else ROUNDS)


if __name__ == "__main__":
    main()
