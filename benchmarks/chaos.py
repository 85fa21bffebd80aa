"""Is anything lost, done twice, or answered from before while processes, databases, disks and networks fail?

Two HTTP processes, two workers with projections, PostgreSQL and Redis. Writers change documents of their own and wait
for each change to be carried out; then they search, and ask a cached question, with the token of the change: an answer
that shows an older state is stale. Readers ask questions about documents that do not change. Meanwhile one thing after
the other is done to the processes and what they need (`benchmarks/harm.py`). Callers do what a client behind a load
balancer does: who does not answer is left for the other, and a write is sent again under its idempotency key.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvloop

from benchmarks.harm import FRONTS, WORKERS, Stage
from benchmarks.measure import Machine, percentile, report, say

COLLECTION, FIXED = "chaos", "fixed"
WRITERS, DOCUMENTS, BATCH = 4, 6, 5
READS_PER_SECOND = 20.0
QUESTIONS = 12
# how long a caller waits for a cached answer, all tries together, and one try
PATIENCE_SECONDS, TRY_SECONDS = 2.0, 0.75
# between two harms
PAUSE_SECONDS = (0.5, 3.0)
SETTLE_SECONDS = 180.0
VERSIONS = """
SELECT data->>'document', count(*) FROM events WHERE type = 'knowledge.document_version_indexed' GROUP BY 1
"""
MARKER = re.compile(r"marker(\w+?)v(\d+)")


@dataclass(slots=True)
class Seen:
    """What came of it all."""

    operations: int = 0
    # what each document must be at the end: its last accepted version, 0 for none
    expected: dict[str, int] = field(default_factory=dict)
    # how many contents of each were accepted
    puts: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, str] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)
    strict_answers: int = 0
    cached: int = 0
    # cached reads that nobody answered in time, by what was being done
    unavailable: Counter[str] = field(default_factory=Counter)
    present: str = "nothing"
    cached_ms: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    recovery: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    harms: int = 0


class Callers:
    """Everything that is asked of the servers."""

    def __init__(self, stage: Stage, seen: Seen, dice: random.Random) -> None:
        self._stage = stage
        self._seen = seen
        self._dice = dice
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(15, connect=1), limits=httpx.Limits(max_connections=64))

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    def _bases(self) -> list[str]:
        every = [one.base_url for one in self._stage.fronts]
        self._dice.shuffle(every)
        return every

    async def until_answered(
        self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The first answer that is no failure of the server: asked again and again, of the one and of the other."""
        while True:
            for base in self._bases():
                try:
                    response = await self._client.request(method, base + path, content=content, headers=headers)
                except httpx.TransportError as error:
                    self._seen.refusals[type(error).__name__] += 1
                    continue
                if response.status_code < 500:
                    return response
                self._seen.refusals[f"{response.status_code} {_code(response)}"] += 1
            await asyncio.sleep(0.1)

    async def write(self, method: str, path: str, key: str, content: bytes = b"") -> str:
        """Send a change until it is accepted, wait until it is carried out; its consistency token."""
        answer = await self.until_answered(method, path, content, {"idempotency-key": key})
        if answer.status_code not in (200, 202):
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        body = answer.json()
        command = body.get("id") or body["command"]
        self._seen.accepted[command] = key
        self._seen.operations += 1
        while True:
            view = (await self.until_answered("GET", f"/api/v1/commands/{command}?wait=5")).json()
            if view["ended"]:
                if view["state"] != "succeeded":
                    raise RuntimeError(f"{key} is {view['state']}: {view['error']}")
                return str(view["position"])

    async def strict(self, path: str, body: Mapping[str, object], token: str) -> str | None:
        """An answer that must see a change; None when nobody could give one."""
        headers = {"x-ryorin-consistency": token, "content-type": "application/json"}
        for base in self._bases():
            try:
                response = await self._client.post(base + path, content=json.dumps(body), headers=headers)
            except httpx.TransportError as error:
                self._seen.refusals[type(error).__name__] += 1
                continue
            if response.status_code == 200:
                self._seen.strict_answers += 1
                self._seen.operations += 1
                return response.text
            self._seen.refusals[f"{response.status_code} {_code(response)}"] += 1
        return None

    async def cached(self, question: str) -> None:
        """A cached answer, from whoever gives it in time."""
        started = time.perf_counter()
        body = _question(FIXED, question, {"freshness": "bounded", "max_staleness_seconds": 60})
        self._seen.operations += 1
        self._seen.cached += 1
        bases = self._bases() * 4
        while bases and (left := PATIENCE_SECONDS - (time.perf_counter() - started)) > 0:
            try:
                response = await self._client.post(
                    f"{bases.pop()}/v1/chat/completions", json=body, timeout=min(left, TRY_SECONDS)
                )
            except httpx.TransportError:
                # whoever is being started answers nothing at once
                await asyncio.sleep(0.02)
                continue
            if response.status_code == 200:
                self._seen.cached_ms.append((time.perf_counter() - started) * 1000)
                return
            self._seen.refusals[f"cached: {response.status_code} {_code(response)}"] += 1
            await asyncio.sleep(0.05)
        self._seen.unavailable[self._seen.present] += 1


def _code(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.text[:80]
    return str(body.get("code") or body.get("error", {}).get("code"))


def _question(collection: str, text: str, options: Mapping[str, object]) -> dict[str, object]:
    return {
        "model": f"extractive/collection/{collection}",
        "messages": [{"role": "user", "content": text}],
        "ryorin": dict(options),
    }


def _text(document: str, version: int) -> str:
    return f"# Sheet {document}\n\nThe state of sheet{document} is marker{document}v{version}.\n"


class Writer:
    """Someone with documents of his own, who changes one after the other and looks whether he sees it."""

    def __init__(self, number: int, callers: Callers, seen: Seen, dice: random.Random) -> None:
        self._callers = callers
        self._seen = seen
        self._dice = dice
        self._documents = [f"w{number}d{one}" for one in range(DOCUMENTS)]
        self._batch = [f"w{number}b{one}" for one in range(BATCH)]
        self._version = 0

    async def work(self, stop: asyncio.Event) -> None:
        """Until stopped."""
        while not stop.is_set():
            self._version += 1
            kind = self._dice.choices(["put", "batch", "delete"], [8, 1, 1])[0]
            document = self._dice.choice(self._documents)
            if kind == "batch":
                token = await self._put_batch()
                document = self._dice.choice(self._batch)
            elif kind == "delete" and self._seen.expected.get(document):
                token = await self._delete(document)
            else:
                token = await self._put(document)
            await self._look(document, token)

    async def _put(self, document: str) -> str:
        path = f"/api/v1/collections/{COLLECTION}/documents/{document}.md"
        text = _text(document, self._version).encode()
        token = await self._callers.write("PUT", path, f"{document}-{self._version}", text)
        self._noted(document, self._version)
        return token

    async def _delete(self, document: str) -> str:
        path = f"/api/v1/collections/{COLLECTION}/documents/{document}.md"
        token = await self._callers.write("DELETE", path, f"{document}-{self._version}")
        self._seen.expected[document] = 0
        return token

    async def _put_batch(self) -> str:
        lines = [json.dumps({"id": f"{one}.md", "text": _text(one, self._version)}) for one in self._batch]
        path = f"/api/v1/collections/{COLLECTION}/documents"
        token = await self._callers.write("POST", path, f"{self._batch[0]}-{self._version}", "\n".join(lines).encode())
        for one in self._batch:
            self._noted(one, self._version)
        return token

    def _noted(self, document: str, version: int) -> None:
        self._seen.expected[document] = version
        self._seen.puts[document] += 1

    async def _look(self, document: str, token: str) -> None:
        wanted = self._seen.expected[document]
        search = {"query": f"sheet{document}", "mode": "lexical", "top_k": 5}
        found = await self._callers.strict(f"/api/v1/collections/{COLLECTION}/search?wait=10", search, token)
        self._judge("search", document, wanted, found, must_be_there=True)
        asked = _question(COLLECTION, f"What is the state of sheet{document}?", {"consistency_token": token})
        answer = await self._callers.strict("/v1/chat/completions", asked, token)
        self._judge("answer", document, wanted, answer, must_be_there=False)

    def _judge(self, what: str, document: str, wanted: int, text: str | None, must_be_there: bool) -> None:
        if text is None:
            return
        versions = {int(version) for name, version in MARKER.findall(text) if name == document}
        if versions - {wanted} or (must_be_there and wanted and not versions):
            self._seen.stale.append(f"{what} of {document}: {sorted(versions)} instead of {wanted}")


async def read_fixed(callers: Callers, stop: asyncio.Event, dice: random.Random) -> None:
    """Cached questions at their rate, whether or not those before were answered."""
    async with asyncio.TaskGroup() as tasks:
        while not stop.is_set():
            tasks.create_task(callers.cached(_fixed(dice.randrange(QUESTIONS))))
            await asyncio.sleep(1 / READS_PER_SECOND)


def _fixed(number: int) -> str:
    return f"When does shop number{number} open?"


async def harm(stage: Stage, callers: Callers, seen: Seen, dice: random.Random, stop: asyncio.Event) -> None:
    """One harm after the other; after each, how long it takes until a write is carried out and found."""
    every, left = stage.harms(), list[str]()
    while not stop.is_set():
        # each comes before any comes again
        if not left:
            left = sorted(every)
            dice.shuffle(left)
        name = left.pop()
        seen.present = name
        await every[name]()
        seen.present = f"after {name}"
        seen.harms += 1
        over = time.perf_counter()
        document = f"probe{seen.harms}"
        path = f"/api/v1/collections/{COLLECTION}/documents/{document}.md"
        token = await callers.write("PUT", path, document, _text(document, 1).encode())
        seen.expected[document], seen.puts[document] = 1, 1
        search = {"query": f"sheet{document}", "mode": "lexical", "top_k": 1}
        while await callers.strict(f"/api/v1/collections/{COLLECTION}/search?wait=5", search, token) is None:
            await asyncio.sleep(0.05)
        seen.recovery[name].append(time.perf_counter() - over)
        say(f"{name}: recovered after {seen.recovery[name][-1]:.2f} s; {seen.operations} operations")
        seen.present = "nothing"
        await asyncio.sleep(dice.uniform(*PAUSE_SECONDS))


async def prepare(callers: Callers) -> None:
    """The documents that do not change, and answers about them in every cache."""
    lines = [
        json.dumps({"id": f"shop{one}", "text": f"Shop number{one} opens at {one + 6} o'clock."})
        for one in range(QUESTIONS)
    ]
    await callers.write("POST", f"/api/v1/collections/{FIXED}/documents", "fixed", "\n".join(lines).encode())
    for _ in range(3 * FRONTS):
        await asyncio.gather(*(callers.cached(_fixed(one)) for one in range(QUESTIONS)))


async def settled(callers: Callers) -> None:
    """Return when every read model has everything."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        projections = (await callers.until_answered("GET", "/api/v1/projections")).json()["projections"]
        if all(one["lag"] == 0 for one in projections):
            return
        await asyncio.sleep(0.2)
    raise RuntimeError("projections did not catch up")


async def verdict(stage: Stage, callers: Callers, seen: Seen) -> dict[str, int]:
    """What was lost and what was done twice, by the log, the command log and the index."""
    states = dict(stage.query("SELECT id::text, state FROM commands"))
    unfinished = [key for command, key in seen.accepted.items() if states.get(command) != "succeeded"]
    versions = dict(stage.query(VERSIONS))
    lost, doubled = list(unfinished), list[str]()
    for document, puts in seen.puts.items():
        made = int(str(versions.get(f"{document}.md", 0)))
        lost += [document] * max(0, puts - made)
        doubled += [document] * max(0, made - puts)
    for document, wanted in seen.expected.items():
        search = json.dumps({"query": f"sheet{document}", "mode": "lexical", "top_k": 5}).encode()
        path, headers = f"/api/v1/collections/{COLLECTION}/search", {"content-type": "application/json"}
        hits = (await callers.until_answered("POST", path, search, headers)).json()["hits"]
        found = [int(version) for hit in hits for name, version in MARKER.findall(hit["text"]) if name == document]
        lost += [document] if wanted and wanted not in found else []
        doubled += [document] if found not in ([wanted], []) else []
    for name, documents in (("lost", lost), ("doubled", doubled)):
        if documents:
            say(f"{name}: {documents[:10]}")
    return {"lost": len(lost), "doubled": len(doubled)}


async def run(seconds: float, operations: int, seed: int, log: Path | None) -> int:
    """The whole benchmark; 1 when anything is not as it should be."""
    machine, dice, seen, stop = Machine(), random.Random(seed), Seen(), asyncio.Event()
    say(f"seed {seed}")
    async with Stage(random.Random(dice.random()), log) as stage:
        callers = Callers(stage, seen, random.Random(dice.random()))
        try:
            await prepare(callers)
            seen.cached = seen.operations = 0
            seen.unavailable.clear()
            seen.cached_ms.clear()
            started = time.perf_counter()
            writers = [Writer(one, callers, seen, random.Random(dice.random())) for one in range(WRITERS)]
            async with asyncio.TaskGroup() as tasks:
                for writer in writers:
                    tasks.create_task(writer.work(stop))
                tasks.create_task(read_fixed(callers, stop, random.Random(dice.random())))
                tasks.create_task(harm(stage, callers, seen, random.Random(dice.random()), stop))
                while time.perf_counter() - started < seconds and seen.operations < operations:
                    await asyncio.sleep(0.2)
                stop.set()
            elapsed = time.perf_counter() - started
            await settled(callers)
            counts = await verdict(stage, callers, seen)
        except BaseException:
            say(stage.log.read_text(errors="replace")[-6000:])
            raise
        finally:
            await callers.close()
        tracebacks = stage.log.read_text(errors="replace").count("Traceback")
    for one in seen.stale[:10]:
        say(f"stale: {one}")
    say(f"refused: {dict(seen.refusals.most_common())}")
    say(f"cached reads that nobody answered in time: {dict(seen.unavailable.most_common())}")
    availability = 1 - seen.unavailable.total() / max(1, seen.cached)
    internal = sum(count for reason, count in seen.refusals.items() if "500 " in reason)
    figures = {
        **counts,
        "stale": len(seen.stale),
        "cached_read_availability": round(availability, 5),
        "cached_reads": seen.cached,
        "cached_p99_ms": percentile(seen.cached_ms, 99),
        "strict_answers": seen.strict_answers,
        "writes": len(seen.accepted),
        "operations": seen.operations,
        "harms": seen.harms,
        "internal_errors": internal,
        "tracebacks": tracebacks,
        "seconds": round(elapsed, 1),
    }
    recovery = {f"{name}_recovery_max_s": round(max(took), 2) for name, took in sorted(seen.recovery.items())}
    config = {"seed": seed, "http": FRONTS, "workers": WORKERS, "writers": WRITERS}
    report("chaos", {**figures, **recovery}, {}, machine, config)
    wrong = counts["lost"] or counts["doubled"] or seen.stale or internal
    return 1 if wrong or availability < 0.999 else 0


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--log", type=Path, help="where to write what the servers say")
    given = parser.parse_args()
    seconds = given.seconds or (120 if given.quick else 1800)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(run(seconds, given.operations, given.seed, given.log)))


if __name__ == "__main__":
    main()
