"""GraphQL over HTTP and WebSocket: pages, changes, progress, limits; and nothing that makes the server fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from benchmarks.server import ServerProcess
from ryorin.entrypoints.graphql.limits import MAX_ALIASES, MAX_COST, MAX_DEPTH
from ryorin.entrypoints.graphql.schema import build_schema


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A server with prompts of its own."""
    with ServerProcess() as server, httpx.Client(base_url=server.base_url, timeout=60) as made:
        for number in range(5):
            for version in range(3):
                body = {"text": f"Prompt {number}, version {version}.", "labels": ["production"]}
                made.post(f"/api/v1/prompts/p{number}/versions", json=body).raise_for_status()
        put = made.put(
            "/api/v1/collections/docs/documents/a.md", content=b"# A\n\nTea is at four.", headers={"prefer": "wait=30"}
        )
        made.headers["x-ryorin-consistency"] = put.raise_for_status().headers["x-ryorin-position"]
        yield made


def ask(client: httpx.Client, query: str, **variables: Any) -> Any:
    response = client.post("/graphql", json={"query": query, "variables": variables})
    assert response.status_code == 200, response.text
    assert "errors" not in response.json(), response.text
    return response.json()["data"]


def errors(client: httpx.Client, query: str) -> list[dict[str, Any]]:
    return list(client.post("/graphql", json={"query": query}).json()["errors"])


def refused(client: httpx.Client, query: str, **variables: Any) -> tuple[str | None, str]:
    response = client.post("/graphql", json={"query": query, "variables": variables})
    assert response.status_code == 200, response.text
    (error, *_) = response.json()["errors"]
    return error.get("extensions", {}).get("code"), error["message"]


def test_pages_follow_each_other(client: httpx.Client) -> None:
    query = """query ($first: Int!, $after: String) { prompts(first: $first, after: $after) {
        totalCount pageInfo { hasNextPage endCursor }
        edges { node { name latest labels { name version } versions(first: 2) {
            pageInfo { hasNextPage } nodes { number labels messages { role content } } } } } } }"""
    names, after = [], None
    for more in (True, True, False):
        page = ask(client, query, first=2, after=after)["prompts"]
        names += [edge["node"]["name"] for edge in page["edges"]]
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (5, more)
        after = page["pageInfo"]["endCursor"]
    assert names == [f"p{number}" for number in range(5)]
    node = page["edges"][0]["node"]
    assert node["versions"]["pageInfo"]["hasNextPage"]
    assert [one["number"] for one in node["versions"]["nodes"]] == [3, 2]
    assert node["versions"]["nodes"][0]["messages"] == [{"role": "system", "content": "Prompt 4, version 2."}]


def test_a_change_is_seen_at_once_and_asked_with(client: httpx.Client) -> None:
    made = ask(
        client,
        """mutation { createPromptVersion(prompt: "graph", labels: ["production"], idempotencyKey: "g1",
            messages: [{role: "user", content: "When is {{what}}?"}]) { consistencyToken result } }""",
    )["createPromptVersion"]
    assert made["result"] == {"prompt": "graph", "version": 1} and made["consistencyToken"]
    found = ask(client, '{ prompt(name: "graph") { latest } missing: prompt(name: "none") { name } }')
    assert found == {"prompt": {"latest": 1}, "missing": None}
    moved = ask(client, 'mutation { movePromptLabel(prompt: "graph", label: "live", version: 1) { result } }')
    assert moved["movePromptLabel"]["result"]["version"] == 1
    answer = ask(
        client,
        """mutation ($values: JSON) { ask(question: "", model: "extractive", collection: "docs", prompt: "graph",
            label: "live", variables: $values) { text citations } }""",
        values={"what": "tea"},
    )["ask"]
    assert "Tea is at four" in answer["text"] and answer["citations"][0]["document"] == "a.md"
    documents = ask(client, '{ documents(collection: "docs") { nodes { id title chunks } } }')["documents"]["nodes"]
    assert documents == [{"id": "a.md", "title": "A", "chunks": 1}]


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ('{ documents(collection: "none") { nodes { id } } }', "collection_not_found", "'none'"),
        ('{ evaluation(name: "none") { name } }', "evaluation_not_found", "'none'"),
        ("{ prompts(first: 0) { nodes { name } } }", "invalid_input", "1-100"),
        ('{ prompts(after: "nonsense") { nodes { name } } }', "invalid_input", "no cursor"),
        ('mutation { createPromptVersion(prompt: "a b", messages: []) { result } }', "invalid_input", "a b"),
        (
            'mutation { createPromptVersion(prompt: "a", messages: [{content: "x", role: "king"}]) { result } }',
            "invalid_input",
            "king",
        ),
        ("{ nothing }", None, "nothing"),
        ("{", None, "Syntax"),
    ],
)
def test_mistakes_are_told_with_their_code(client: httpx.Client, query: str, code: str | None, told: str) -> None:
    found, message = refused(client, query)
    assert found == code and told in message


def test_too_deep_and_too_costly_operations_are_refused(client: httpx.Client) -> None:
    assert refused(client, "{ prompts(first: 100) { nodes { versions(first: 100) { nodes { number } } } } }") == (
        "too_costly",
        f"the operation costs 20201; {MAX_COST} is the limit: ask for smaller pages",
    )
    # by variables, and in fragments, too
    query = """query ($n: Int!) { prompts(first: $n) { ...page } }
        fragment page on PromptConnection { nodes { versions(first: $n) { nodes { number author } } } }"""
    assert refused(client, query, n=90)[0] == "too_costly"
    assert ask(client, query, n=5)["prompts"]["nodes"]
    deep = "{ " + " { ".join(["prompts", "nodes", "evaluations", "nodes", *["metrics"] * 8]) + " }" * 12
    told = [error["message"] for error in errors(client, deep)]
    assert f"the operation is 12 deep; {MAX_DEPTH} is the limit" in told
    deep = "{ __schema { types " + "{ fields { type " * 20 + "{ name }" + "} }" * 20 + " } }"
    # introspection is free of cost; its tokens are not
    assert client.post("/graphql", json={"query": deep}).status_code == 200
    aliases = " ".join(f"a{number}: usage {{ days }}" for number in range(MAX_ALIASES + 1))
    assert "aliases" in refused(client, f"{{ {aliases} }}")[1]
    tokens = "{ " + "__typename " * 2100 + "}"
    assert "tokens" in refused(client, tokens)[1].lower()
    huge = client.post("/graphql", json={"query": "{ __typename } #" + "x" * 1_100_000})
    assert (huge.status_code, huge.json()["code"]) == (400, "invalid_input")


def test_progress_is_followed_until_the_end(client: httpx.Client) -> None:
    items = [{"id": str(number), "input": "When is tea?", "expected": "four"} for number in range(30)]
    client.put("/api/v1/datasets/tea", json={"items": items}).raise_for_status()
    body = {"name": "tea-1", "dataset": "tea", "model": "extractive", "collection": "docs"}
    body |= {"metrics": [{"kind": "contains"}]}
    command = client.post("/api/v1/evaluations", json=body).raise_for_status().json()["id"]
    url = str(client.base_url).replace("http", "ws").rstrip("/") + "/graphql"
    states = []
    with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {}}))
        assert json.loads(socket.recv(20))["type"] == "connection_ack"
        query = f'subscription {{ commandProgress(id: "{command}") {{ state progress ended consistencyToken }} }}'
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        while (said := json.loads(socket.recv(60)))["type"] == "next":
            states.append(said["payload"]["data"]["commandProgress"])
        assert said["type"] == "complete"
    assert states[-1]["state"] == "succeeded" and states[-1]["ended"]
    token = {"x-ryorin-consistency": states[-1]["consistencyToken"]}
    query = '{ evaluations(dataset: "tea") { nodes { name items metrics { metric mean low high } } } }'
    response = client.post("/graphql", json={"query": query}, headers=token).json()
    (found,) = response["data"]["evaluations"]["nodes"]
    assert (found["name"], found["items"], found["metrics"][0]["mean"]) == ("tea-1", 30, 1.0)


def test_only_posts_of_graphql_are_heard(client: httpx.Client) -> None:
    assert client.get("/graphql", params={"query": "{ __typename }"}).status_code == 405
    for content in (
        b"nonsense",
        b"\xc3\x28",
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"query": 3}',
        b'{"variables": 3, "query": "{}"}',
    ):
        response = client.post("/graphql", content=content, headers={"content-type": "application/json"})
        assert response.status_code in (200, 400), content[:10]
    # a form of another page's may not ask in a browser's name
    assert client.post("/graphql", data={"query": "{ __typename }"}).status_code in (400, 415)


@pytest.mark.timeout(240)
def test_no_operation_makes_the_server_fail(client: httpx.Client) -> None:
    schema = schemathesis.graphql.from_file(build_schema().as_str())

    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.field_name == "ask":  # a small model would be asked for minutes
            continue

        @given(case=operation.as_strategy())
        @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        def send(case) -> None:  # type: ignore[no-untyped-def]  # schemathesis' own type
            response = case.call(base_url=str(client.base_url), timeout=30)
            assert response.status_code < 500, case.body
            for error in response.json().get("errors") or []:
                assert "server's log" not in error["message"], case.body

        send()
