"""Does anything get lost or done twice when the server is killed at random moments while it ingests?"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time

import httpx
import psycopg

from benchmarks.measure import Machine, report, say
from benchmarks.server import ServerProcess
from ryorin.adapters.postgres.embedded import EmbeddedPostgres

COLLECTION = "crash"
LIST_PAGE = 500
SETTLE_SECONDS = 300


def text_of(number: int) -> str:
    """A document with a word of its own in each of three sections, so that three passages are embedded."""
    sections = (
        f"## Part {part}\n\nDocument {number} tells about marker{number}x{part} and the {number}th lake.\n\n"
        for part in range(3)
    )
    return f"# Document {number}\n\n" + "".join(sections)


async def put_all(server: ServerProcess, documents: int, accepted: dict[int, str], killing: asyncio.Event) -> None:
    """Put every document until it is accepted; a killed server is simply asked again."""
    waiting = list(range(documents))
    async with httpx.AsyncClient(timeout=10.0) as client:
        while waiting:
            number = waiting[0]
            url = f"{server.base_url}/api/v1/collections/{COLLECTION}/documents/d{number}.md"
            try:
                response = await client.put(
                    url, content=text_of(number).encode(), headers={"idempotency-key": f"put-{number}"}
                )
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            if response.status_code in (200, 202):
                accepted[number] = response.json()["id"]
                waiting.pop(0)
                # slower at first, so that kills fall into the middle of the work and not behind it
                await asyncio.sleep(0 if killing.is_set() else 0.02)
            elif response.status_code < 500:
                raise RuntimeError(f"{url} answered {response.status_code}: {response.text}")


async def kill_at_random(server: ServerProcess, kills: int, dice: random.Random, done: asyncio.Event) -> None:
    """Kill, start again, and let it work for a random while."""
    for kill in range(kills):
        await asyncio.sleep(dice.uniform(0.05, 2.0))
        await asyncio.to_thread(server.kill)
        # sometimes it is killed again while it starts
        await asyncio.to_thread(server.start, dice.random() > 0.2)
        if (kill + 1) % 10 == 0:
            say(f"{kill + 1} kills")
    await asyncio.to_thread(server.wait_until_up)
    done.set()


async def settle(server: ServerProcess, accepted: dict[int, str]) -> dict[str, str]:
    """The end state of every accepted command."""
    states: dict[str, str] = {}
    deadline = time.monotonic() + SETTLE_SECONDS
    async with httpx.AsyncClient(base_url=server.base_url, timeout=60.0) as client:
        for command in accepted.values():
            while time.monotonic() < deadline:
                view = (await client.get(f"/api/v1/commands/{command}", params={"wait": 20})).json()
                states[command] = view["state"]
                if view["ended"]:
                    break
        while time.monotonic() < deadline:
            projections = (await client.get("/api/v1/projections")).json()["projections"]
            if all(projection["lag"] == 0 for projection in projections):
                return states
            await asyncio.sleep(0.1)
    raise RuntimeError("projections did not catch up")


async def count_found(server: ServerProcess, documents: int) -> tuple[int, int]:
    """How many documents a search for their own word does not find, and how many it finds twice."""
    missing = doubled = 0
    async with httpx.AsyncClient(base_url=server.base_url, timeout=60.0) as client:
        for number in range(documents):
            body = {"query": f"marker{number}x1", "top_k": 3, "mode": "lexical"}
            hits = (await client.post(f"/api/v1/collections/{COLLECTION}/search", json=body)).json()["hits"]
            found = [hit for hit in hits if f"marker{number}x1 " in hit["text"]]
            missing += not found
            doubled += len(found) > 1
    return missing, doubled


def count_rows(server: ServerProcess) -> dict[str, int]:
    """What the tables say: versions, chunks and how often vectors were computed."""
    database = EmbeddedPostgres.start(server.data_dir)
    try:
        with psycopg.connect(database.url) as connection:
            row = connection.execute(
                "SELECT (SELECT sum(computed - 1) FROM embeddings), (SELECT count(*) FROM embeddings),"
                " (SELECT count(*) FROM events WHERE type = 'knowledge.document_version_indexed'),"
                " (SELECT count(*) FROM search_chunks)"
            ).fetchone()
    finally:
        database.release()
    assert row is not None
    return {"re_embedded": int(row[0] or 0), "vectors": row[1], "versions": row[2], "chunks": row[3]}


async def run(documents: int, kills: int, seed: int) -> int:
    """The whole benchmark; 1 when anything was lost or doubled."""
    machine, dice = Machine(), random.Random(seed)
    say(f"seed {seed}")
    with ServerProcess() as server:
        accepted: dict[int, str] = {}
        done = asyncio.Event()
        await asyncio.gather(put_all(server, documents, accepted, done), kill_at_random(server, kills, dice, done))
        states = await settle(server, accepted)
        missing, found_twice = await count_found(server, documents)
        rows = await asyncio.to_thread(count_rows, server)
    failed = sum(state != "succeeded" for state in states.values())
    lost = max(missing, failed, documents - len(states))
    doubled = max(found_twice, rows["versions"] - documents, rows["chunks"] - rows["vectors"])
    figures = {"kills": kills, "lost": lost, "doubled": doubled, **rows, "documents": documents}
    report("crash", figures, {}, machine, {"seed": seed})
    return 1 if lost or doubled or rows["re_embedded"] else 0


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--documents", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    documents = arguments.documents or (60 if arguments.quick else 500)
    kills = arguments.kills or (3 if arguments.quick else 50)
    sys.exit(asyncio.run(run(documents, kills, arguments.seed)))


if __name__ == "__main__":
    main()
