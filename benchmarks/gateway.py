"""What does a request cost on its way through Ryorin and through the LiteLLM proxy, cached and not?

One worker of each in front of the same upstream that answers at once, on the same cores, in turns. Cached: the same few
conversations over and over. Uncached: every conversation is a new one, caches on. No cache: new ones that ask to go
around the cache. Requests per second are the most at which the 99th percentile stays within the best that both reach
(`equal_p99_ms`); added latency is what one request at a time takes beyond the upstream's own time, and what requests at
a hundred a second take beyond it, each counted from when it was due.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from urllib.parse import urlsplit

import psutil
import uvloop

from benchmarks.http_load import connected, paced, post, saturate
from benchmarks.measure import Machine, percentile, report, say
from benchmarks.peers.litellm_proxy import REQUIREMENT, LiteLlmProxy
from benchmarks.server import ServerProcess
from benchmarks.upstream import MODEL, UpstreamProcess

PATH = "/v1/chat/completions"
PIECES = 8
CONCURRENCIES = (1, 2, 4, 8, 16, 32, 64)
CACHED_CONVERSATIONS = 20
PER_SECOND = 100
# sockets a client that asks at this rate keeps open
PACED_CONNECTIONS = 20


@dataclass(frozen=True, slots=True)
class Load:
    """How long (seconds) and how often."""

    rounds: int
    seconds: float
    alone: int
    paced: float
    install: bool = True


@dataclass(slots=True)
class Side:
    """One of the compared; `taken` are (requests per second, latencies in ms) by concurrency."""

    name: str
    url: str
    process: psutil.Process | None = None
    # what a request carries that goes around the cache
    around: Mapping[str, object] = field(default_factory=dict)
    alone: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[tuple[str, int], list[tuple[float, list[float]]]] = field(default_factory=lambda: defaultdict(list))

    def best_within(self, kind: str, p99: float) -> float:
        """The most requests per second with the 99th percentile within so many milliseconds."""
        found = [
            median(rate for rate, _ in rounds)
            for (of, _), rounds in self.taken.items()
            if of == kind and percentile([one for _, latencies in rounds for one in latencies], 99) <= p99
        ]
        return max(found, default=0.0)

    def lowest_p99(self, kind: str) -> float:
        """The best 99th percentile at the concurrency where most requests are answered."""
        rounds = max(
            (rounds for (of, _), rounds in self.taken.items() if of == kind),
            key=lambda rounds: median(rate for rate, _ in rounds),
        )
        return percentile([one for _, latencies in rounds for one in latencies], 99)

    def memory_mb(self) -> float:
        """Resident memory of the process and its children."""
        if self.process is None:
            return 0.0
        family = [self.process, *self.process.children(recursive=True)]
        return round(sum(one.memory_info().rss for one in family) / 1e6, 1)


_numbers = count()


def conversation(text: str, stream: bool = False, more: Mapping[str, object] | None = None) -> bytes:
    """A request's body."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": stream, **(more or {})}
    return json.dumps(body).encode()


def requests_of(side: Side, kind: str, many: int) -> list[bytes]:
    """Requests that were asked before, or that nobody asked yet."""
    if kind == "cached":
        return [post(side.url, conversation(f"What is {number}?")) for number in range(CACHED_CONVERSATIONS)]
    around = side.around if kind == "no_cache" else None
    return [post(side.url, conversation(f"New {next(_numbers)}?", more=around)) for _ in range(many)]


async def alone(side: Side, kind: str, many: int) -> list[float]:
    """Milliseconds of requests one after another."""
    requests = requests_of(side, kind, many)
    taken = []
    async with connected(side.url, 1) as (connection,):
        for number in range(many):
            started = time.perf_counter()
            await connection.ask(requests[number % len(requests)])
            taken.append((time.perf_counter() - started) * 1000)
    return taken


async def at_a_rate(side: Side, kind: str, seconds: float) -> list[float]:
    """Milliseconds of requests nobody asked before, at a fixed rate whether or not those before were answered."""
    requests = requests_of(side, kind, int(PER_SECOND * seconds))
    async with connected(side.url, PACED_CONNECTIONS) as connections:
        return await paced(connections, requests, PER_SECOND, seconds)


async def first_words(side: Side, many: int) -> list[float]:
    """Milliseconds until the first word of a stream nobody asked for before."""
    parts, taken = urlsplit(side.url), []
    for _ in range(many):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        started = time.perf_counter()
        writer.write(post(side.url, conversation(f"New {next(_numbers)}?", stream=True)))
        seen = b""
        while b"-0 " not in seen:
            data = await reader.read(65536)
            if not data:
                raise RuntimeError(f"{side.name} ended its stream: {seen[:300]!r}")
            seen += data
        taken.append((time.perf_counter() - started) * 1000)
        while b"[DONE]" not in seen:
            seen += await reader.read(65536)
        writer.close()
    return taken


async def measure(sides: Sequence[Side], load: Load) -> None:
    """All rounds, the sides in turns."""
    for side in sides:
        await alone(side, "cached", 2 * CACHED_CONVERSATIONS)
        await alone(side, "uncached", 20)
    for number in range(load.rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            for kind in ("cached", "uncached"):
                side.alone[kind] += await alone(side, kind, load.alone)
            side.alone["first_word"] += await first_words(side, max(5, load.alone // 4))
            for kind in ("uncached", "no_cache"):
                side.alone[f"{kind}_paced"] += await at_a_rate(side, kind, load.paced)
            if side.process is not None:
                await saturated(side, load)
        say(f"round {number + 1} of {load.rounds}")


async def saturated(side: Side, load: Load) -> None:
    """Requests per second at growing concurrency."""
    for kind in ("cached", "uncached"):
        for concurrency in CONCURRENCIES:
            # more than any of them answers in the time, so that none is asked twice
            requests = requests_of(side, kind, int(4000 * load.seconds))
            async with connected(side.url, concurrency) as connections:
                shares = [requests[number::concurrency] or requests for number in range(concurrency)]
                rates = await asyncio.gather(
                    *(
                        saturate([connection], share, load.seconds, b"200")
                        for connection, share in zip(connections, shares, strict=True)
                    )
                )
            latencies = [one for _, taken in rates for one in taken]
            side.taken[kind, concurrency].append((sum(rate for rate, _ in rates), latencies))


def figures_of(direct: Side, side: Side, other: Side) -> dict[str, float]:
    """One side's figures."""
    figures: dict[str, float] = {"memory_mb": side.memory_mb()}
    for kind in ("cached", "uncached"):
        within = max(side.lowest_p99(kind), other.lowest_p99(kind))
        figures[f"{kind}_rps"] = round(side.best_within(kind, within), 1)
        figures[f"{kind}_p50_ms"] = percentile(side.alone[kind], 50)
        figures[f"{kind}_p99_ms"] = percentile(side.alone[kind], 99)
    for share in (50, 99):
        base = percentile(direct.alone["uncached"], share)
        figures[f"added_p{share}_ms"] = round(percentile(side.alone["uncached"], share) - base, 3)
        for kind in ("uncached", "no_cache"):
            at_rate = percentile(side.alone[f"{kind}_paced"], share) - percentile(direct.alone[f"{kind}_paced"], share)
            figures[f"{kind}_added_at_{PER_SECOND}_rps_p{share}_ms"] = round(at_rate, 3)
    figures["first_word_p50_ms"] = percentile(side.alone["first_word"], 50)
    return figures


async def run(load: Load) -> None:
    """Measure and report."""
    machine = Machine()
    with UpstreamProcess(PIECES) as upstream, LiteLlmProxy(upstream.base_url, load.install) as proxy:
        environment = {"RYORIN_MODELS__MOCK__BASE_URL": upstream.base_url, "RYORIN_MODELS__MOCK__MODEL": MODEL}
        with ServerProcess(None, "ryorin.bootstrap.cli", **environment) as server:
            direct = Side("upstream", upstream.base_url.removesuffix("/v1") + PATH)
            ours = Side("ryorin", server.base_url + PATH, psutil.Process(server.pid), {"ryorin": {"cache": False}})
            around = {"cache": {"no-cache": True, "no-store": True}}
            theirs = Side("litellm", proxy.base_url + PATH, psutil.Process(proxy.pid), around)
            await measure((direct, ours, theirs), load)
            mine, peer = figures_of(direct, ours, theirs), figures_of(direct, theirs, ours)
    figures = {
        **mine,
        "rps_ratio_to_litellm": round(mine["uncached_rps"] / peer["uncached_rps"], 2),
        "cached_rps_ratio_to_litellm": round(mine["cached_rps"] / peer["cached_rps"], 2),
        "added_latency_ratio_to_litellm": round(mine["added_p50_ms"] / peer["added_p50_ms"], 3),
        "added_p99_ratio_to_litellm": round(mine["added_p99_ms"] / peer["added_p99_ms"], 3),
        "first_word_ratio_to_litellm": round(mine["first_word_p50_ms"] / peer["first_word_p50_ms"], 3),
        "equal_p99_ms": max(ours.lowest_p99("uncached"), theirs.lowest_p99("uncached")),
    }
    baseline = {f"litellm_{name}": value for name, value in peer.items()}
    baseline |= {
        "upstream_p50_ms": percentile(direct.alone["uncached"], 50),
        "upstream_p99_ms": percentile(direct.alone["uncached"], 99),
        "upstream_first_word_p50_ms": percentile(direct.alone["first_word"], 50),
    }
    config = {"peer": REQUIREMENT, "pieces": PIECES, "rounds": load.rounds, "seconds": load.seconds}
    report("gateway", figures, baseline, machine, config)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, for correctness only")
    load = Load(1, 0.3, 10, 0.3, install=False) if parser.parse_args().quick else Load(4, 2.0, 200, 5.0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(load))


if __name__ == "__main__":
    main()
