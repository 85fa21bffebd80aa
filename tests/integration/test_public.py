"""What is public is read without a credential; what is not is as if it were not there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from ryorin.bootstrap.app import App
from ryorin.contexts.knowledge.commands import ShareDocument
from ryorin.contexts.knowledge.records import Record
from ryorin.contexts.prompts.commands import CreatePromptVersion, MovePromptLabel, SharePrompt
from ryorin.contexts.prompts.queries import PROMPTS_MODEL
from ryorin.contexts.prompts.versions import PromptMessage
from ryorin.entrypoints.rest.app import build_api
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.messages import PUBLIC, Actor, Scope
from tests.integration.test_evaluation import send
from tests.integration.test_objectives import settled, until
from tests.steps import ADMIN, ask, put, seen

EDITOR = Actor(ADMIN.org_id, "key:e", frozenset({Scope.PROMPTS_WRITE, Scope.KNOWLEDGE_WRITE, Scope.KNOWLEDGE_READ}))
HERE = f"/api/v1/public/{ADMIN.org_id}"


@pytest.fixture
async def visitor(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a credential."""
    transport = httpx.ASGITransport(build_api(app.services))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def prompt(app: App, name: str, text: str, *readers: str) -> None:
    version = CreatePromptVersion(prompt=name, messages=(PromptMessage("user", text),))
    await send(app, version, MovePromptLabel(prompt=name, label="production", version=1))
    await settled(app, PROMPTS_MODEL, SharePrompt(prompt=name, readers=readers or ("*",)))


async def test_public_prompts(app: App, visitor: httpx.AsyncClient) -> None:
    await prompt(app, "inner", "Be brief.")
    await prompt(app, "open", "Greet {{name}}.", PUBLIC)
    await prompt(app, "leaky", "{{> inner@production}} Greet.", PUBLIC)
    found = (await visitor.get(f"{HERE}/prompts/open")).json()
    assert (found["version"], found["messages"], found["variables"]) == (
        1,
        [{"role": "user", "content": "Greet {{name}}."}],
        ["name"],
    )
    rendered = await visitor.post(f"{HERE}/prompts/open/render", json={"variables": {"name": "Anna"}})
    assert rendered.json()["messages"][0]["content"] == "Greet Anna."
    for path in (f"{HERE}/prompts/inner", f"{HERE}/prompts/none", "/api/v1/public/other/prompts/open"):
        answer = await visitor.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "prompt_not_found")
    # what a public prompt takes in is not public with it
    leaky = await visitor.post(f"{HERE}/prompts/leaky/render", json={})
    assert leaky.status_code == 404 and "brief" not in leaky.text
    # an editor shares within the organisation only
    await send(app, SharePrompt(prompt="inner", readers=("group:staff",)), actor=EDITOR)
    with pytest.raises(Forbidden):
        await send(app, SharePrompt(prompt="inner", readers=(PUBLIC,)), actor=EDITOR)
    await settled(app, PROMPTS_MODEL, SharePrompt(prompt="open", readers=("*",)))
    assert (await visitor.get(f"{HERE}/prompts/open")).status_code == 404


async def test_public_documents(app: App, visitor: httpx.AsyncClient) -> None:
    await put(app, "hours", "# Hours\n\nThe office opens at nine on weekdays.\n")
    await put(app, "secret", "# Safe\n\nThe office safe opens with 4711.\n")
    documents = f"{HERE}/collections/docs/documents"
    for path in (documents, f"{documents}/hours", f"{HERE}/collections/none/documents"):
        assert (await visitor.get(path)).status_code == 404
    search = {"query": "When does the office open?", "top_k": 5}
    none = await visitor.post(f"{HERE}/collections/docs/search", json=search)
    assert (none.status_code, none.json()["code"]) == (404, "collection_not_found")
    with pytest.raises(Forbidden):
        await send(app, ShareDocument(collection="docs", document="hours", readers=(PUBLIC,)), actor=EDITOR)
    shared = await put(
        app, "hours", "# Hours\n\nThe office opens at nine on weekdays.\n", readers=(PUBLIC, "user:anna")
    )

    async def there() -> bool:
        return (await visitor.get(f"{documents}/hours")).status_code == 200

    await until(there)
    listed = (await visitor.get(documents)).json()
    assert [one["id"] for one in listed["documents"]] == ["hours"] and "anna" not in str(listed)
    hits = (await visitor.post(f"{HERE}/collections/docs/search", json=search)).json()["hits"]
    assert hits and {one["document"] for one in hits} == {"hours"}
    # what is public is not hidden from those who are in
    member = Actor(ADMIN.org_id, "key:m", frozenset({Scope.KNOWLEDGE_READ, Scope.ANSWERS_READ}))
    answer = await ask(app, "When does the office open?", seen(shared), member)
    assert "nine" in answer.text
    assert (await visitor.get(f"{documents}/secret")).status_code == 404


async def test_visitors_come_as_often_as_they_may(app: App, visitor: httpx.AsyncClient) -> None:
    statuses = [(await visitor.get(f"{HERE}/prompts/none")).status_code for _ in range(70)]
    assert set(statuses) == {404, 429} and statuses[:60] == [404] * 60


def test_records_are_not_public() -> None:
    with pytest.raises(InvalidInput, match="public"):
        Record("a", "text", readers=(PUBLIC,)).validate()
    Record("a", "text", readers=("*",)).validate()
