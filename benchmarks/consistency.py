"""Does a read that carries the token of a write ever miss it, and how often does one without it?

Every round changes a document and reads at once: by search, by the document's text, or by an answer from a question
that was asked (and cached) before. Rounds with and without the token take turns.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import httpx

from benchmarks.measure import Machine, percentile, report, say
from benchmarks.server import ServerProcess

COLLECTION = "rounds"
DOCUMENTS = 8
READS = ("search", "text", "answer")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one read gave: whether it held the write, and its milliseconds."""

    read: str
    with_token: bool
    missed: bool
    milliseconds: float


def text_of(document: int, round_number: int) -> str:
    """The document as the round writes it."""
    return f"# Lake {document}\n\nThe level of lake {document} is {round_number} metres.\n"


async def write(client: httpx.AsyncClient, document: int, round_number: int) -> str:
    """Change a document; the consistency token."""
    response = await client.put(
        f"/api/v1/collections/{COLLECTION}/documents/lake{document}.md",
        content=text_of(document, round_number).encode(),
        headers={"prefer": "wait=60"},
    )
    if response.status_code != httpx.codes.OK:
        raise RuntimeError(f"the write answered {response.status_code}: {response.text}")
    return str(response.headers["x-ryorin-position"])


async def read(client: httpx.AsyncClient, how: str, document: int, headers: dict[str, str]) -> str:
    """Everything the read says, as text."""
    question = f"What is the level of lake {document}?"
    if how == "text":
        path = f"/api/v1/collections/{COLLECTION}/text/lake{document}.md"
        return (await client.get(path, headers=headers)).raise_for_status().text
    body: dict[str, Any] = {"query": question, "top_k": DOCUMENTS}
    path = f"/api/v1/collections/{COLLECTION}/search"
    if how == "answer":
        body = {"model": f"collection/{COLLECTION}", "messages": [{"role": "user", "content": question}]}
        path = "/v1/chat/completions"
    return (await client.post(path, json=body, headers=headers)).raise_for_status().text


async def rounds_of(client: httpx.AsyncClient, document: int, count: int, seen: list[Seen]) -> None:
    """Rounds of one document, which nobody else writes."""
    for number in range(count):
        how, with_token = READS[number // 2 % len(READS)], number % 2 == 0
        token = await write(client, document, number)
        headers = {"x-ryorin-consistency": token} if with_token else {}
        started = perf_counter()
        said = await read(client, how, document, headers)
        milliseconds = (perf_counter() - started) * 1000
        seen.append(Seen(how, with_token, f"lake {document} is {number} metres" not in said, milliseconds))


async def run(rounds: int) -> None:
    """All documents side by side."""
    machine, seen = Machine(), list[Seen]()
    with ServerProcess() as server:
        async with httpx.AsyncClient(base_url=server.base_url, timeout=120) as client:
            await write(client, 0, -1)
            async with asyncio.TaskGroup() as group:
                for document in range(DOCUMENTS):
                    group.create_task(rounds_of(client, document, 2 * rounds // DOCUMENTS, seen))
                    say(f"document {document} started")
    figures: dict[str, float] = {}
    for name, with_token in (("token", True), ("no_token", False)):
        found = [one for one in seen if one.with_token is with_token]
        figures |= {
            f"{name}_rounds": len(found),
            f"{name}_missed": sum(one.missed for one in found),
            f"{name}_missed_share": round(sum(one.missed for one in found) / len(found), 4),
            f"{name}_read_p50_ms": percentile([one.milliseconds for one in found], 50),
            f"{name}_read_p95_ms": percentile([one.milliseconds for one in found], 95),
        }
        for how in READS:
            figures[f"{name}_{how}_missed"] = sum(one.missed for one in found if one.read == how)
    baseline = {name: figures.pop(name) for name in list(figures) if name.startswith("no_token_")}
    report("consistency", figures, baseline, machine, {"documents": DOCUMENTS})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="16 rounds, for correctness only")
    asyncio.run(run(16 if parser.parse_args().quick else 1000))


if __name__ == "__main__":
    main()
