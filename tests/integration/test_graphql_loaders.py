"""What many prompts have is asked for once: statements do not grow with the page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from ryorin.adapters.postgres.pool import Pool
from ryorin.bootstrap.app import App
from ryorin.contexts.prompts.commands import CreatePromptVersion
from ryorin.contexts.prompts.queries import PROMPTS_MODEL
from ryorin.contexts.prompts.versions import PromptMessage
from ryorin.entrypoints.graphql.routes import routes
from tests.steps import ADMIN

QUERY = """query ($first: Int!) { prompts(first: $first) { nodes { name
    labels { name }
    versions(first: 10) { nodes { number messages { content } } }
    evaluations(first: 10) { nodes { name metrics { mean } } }
    usage(first: 2) { nodes { day answers } } objectives { name level } } } }"""


async def test_statements_do_not_grow_with_the_page(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        for version in range(2):
            messages = (PromptMessage("system", f"{number} {version}"),)
            command = CreatePromptVersion(prompt=f"p{number:02}", messages=messages)
            receipt = await app.services.commands.send(command, ADMIN)
    assert receipt.record.position is not None
    assert await app.services.positions.wait_for((PROMPTS_MODEL,), receipt.record.position, 20)
    statements: list[str] = []
    for name in ("fetch", "fetch_one"):
        asked = getattr(Pool, name)

        async def counted(self: Pool, statement: str, *rest: Any, asked: Any = asked, **more: Any) -> Any:
            statements.append(statement)
            return await asked(self, statement, *rest, **more)

        monkeypatch.setattr(Pool, name, counted)
    transport = httpx.ASGITransport(Starlette(routes=routes(app.services)))
    counts = []
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for first in (2, 30):
            statements.clear()
            body = {"query": QUERY, "variables": {"first": first}}
            found = (await client.post("/graphql", json=body)).json()["data"]["prompts"]["nodes"]
            assert len(found) == first
            assert all([one["number"] for one in node["versions"]["nodes"]] == [2, 1] for node in found)
            # other parts of the server look at the log meanwhile
            counts.append(sum("prompt" in one or "evaluation" in one for one in statements))
    assert counts[0] == counts[1] <= 8
