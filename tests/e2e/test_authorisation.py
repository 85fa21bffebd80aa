"""Every way in, for everyone: what a role may do is in one table, and a way in that is not there fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from benchmarks.server import ServerProcess
from ryorin.entrypoints.graphql.routes import routes as graphql_routes
from ryorin.entrypoints.graphql.schema import build_schema
from ryorin.entrypoints.openai.routes import routes as openai_routes
from ryorin.entrypoints.rest.app import build_api
from ryorin.entrypoints.websocket.live_answers import LiveAnswers
from ryorin.entrypoints.websocket.routes import routes as websocket_routes
from tests.examples import DESCRIPTION, example_of

# anyone: without a credential; known: with any credential
ANYONE, KNOWN, VIEWER, EDITOR, ADMIN, OWNER = range(6)
ROLES = {"viewer": VIEWER, "editor": EDITOR, "admin": ADMIN, "owner": OWNER}
RULES: dict[str, int] = {
    # anyone
    "GET /healthz": ANYONE,
    "GET /metrics": ANYONE,
    "GET /openapi.json": ANYONE,
    "GET /readyz": ANYONE,
    # what is public, which nothing here is
    "GET /api/v1/public/{organisation}/prompts/{prompt}": ANYONE,
    "POST /api/v1/public/{organisation}/prompts/{prompt}/render": ANYONE,
    "GET /api/v1/public/{organisation}/collections/{collection}/documents": ANYONE,
    "GET /api/v1/public/{organisation}/collections/{collection}/documents/{document}": ANYONE,
    "POST /api/v1/public/{organisation}/collections/{collection}/search": ANYONE,
    "GET /api/v1/me": KNOWN,
    # knowledge
    "GET /api/v1/collections": VIEWER,
    "GET /api/v1/collections/{collection}": VIEWER,
    "GET /api/v1/collections/{collection}/documents": VIEWER,
    "GET /api/v1/collections/{collection}/documents/{document}": VIEWER,
    "GET /api/v1/collections/{collection}/similar/{document}": VIEWER,
    "GET /api/v1/collections/{collection}/tags": VIEWER,
    "GET /api/v1/collections/{collection}/text/{document}": VIEWER,
    "GET /api/v1/collections/{collection}/versions/{document}": VIEWER,
    "POST /api/v1/collections/{collection}/more-like-these": VIEWER,
    "POST /api/v1/collections/{collection}/search": VIEWER,
    "PUT /api/v1/collections/{collection}": EDITOR,
    "PATCH /api/v1/collections/{collection}": EDITOR,
    "POST /api/v1/collections/{collection}/documents": EDITOR,
    "PUT /api/v1/collections/{collection}/documents/{document}": EDITOR,
    "PUT /api/v1/collections/{collection}/index": EDITOR,
    "PUT /api/v1/collections/{collection}/pipeline": EDITOR,
    "PUT /api/v1/collections/{collection}/readers/{document}": EDITOR,
    "POST /api/v1/collections/{collection}/tags/{document}": EDITOR,
    "DELETE /api/v1/collections/{collection}/documents/{document}": EDITOR,
    "POST /api/v1/collections/{collection}/restore/{document}": EDITOR,
    "POST /api/v1/collections/{collection}/erase/{document}": ADMIN,
    "POST /api/v1/collections/{collection}/fetch/{document}": EDITOR,
    "POST /api/v1/expand-query": VIEWER,
    # answers, tasks and what they were made from
    "GET /api/v1/answers": VIEWER,
    "GET /api/v1/answers/{answer}/provenance": VIEWER,
    "POST /api/v1/tasks/summarise": VIEWER,
    "POST /api/v1/tasks/translate": VIEWER,
    "GET /api/v1/cache": ADMIN,
    "GET /api/v1/cache/semantic": ADMIN,
    "POST /api/v1/cache/flush": ADMIN,
    "POST /api/v1/cache/preview": ADMIN,
    "POST /api/v1/cache/warm": ADMIN,
    "POST /api/v1/cache/semantic/{hit}/feedback": VIEWER,
    # conversations
    "GET /api/v1/conversations": VIEWER,
    "GET /api/v1/conversations/{conversation}": VIEWER,
    "POST /api/v1/conversations/{conversation}/messages": VIEWER,
    "DELETE /api/v1/conversations/{conversation}": VIEWER,
    "GET /api/v1/settings": VIEWER,
    "PUT /api/v1/settings": VIEWER,
    # prompts
    "GET /api/v1/prompts": VIEWER,
    "GET /api/v1/prompts/{prompt}": VIEWER,
    "GET /api/v1/prompts/{prompt}/versions": VIEWER,
    "POST /api/v1/prompts/{prompt}/render": VIEWER,
    "POST /api/v1/prompts/{prompt}/run": VIEWER,
    "GET /api/v1/prompts/{prompt}/diff": VIEWER,
    "GET /api/v1/prompts/{prompt}/similar": VIEWER,
    "PATCH /api/v1/prompts/{prompt}": EDITOR,
    "PUT /api/v1/prompts/{prompt}/readers": EDITOR,
    "PUT /api/v1/prompts/{prompt}/labels/{label}/protection": ADMIN,
    "PUT /api/v1/prompts/{prompt}/labels/{label}/gate": ADMIN,
    "DELETE /api/v1/prompts/{prompt}/labels/{label}/gate": ADMIN,
    "POST /api/v1/prompts/{prompt}/intent": VIEWER,
    "GET /api/v1/prompts/{prompt}/intent/diff": VIEWER,
    "GET /api/v1/styles": VIEWER,
    "POST /api/v1/styles/measure": VIEWER,
    "POST /api/v1/styles/{style}/compare": VIEWER,
    "PUT /api/v1/styles/{style}": EDITOR,
    "DELETE /api/v1/styles/{style}": EDITOR,
    "GET /api/v1/datasets": VIEWER,
    "GET /api/v1/datasets/{dataset}": VIEWER,
    "GET /api/v1/datasets/{dataset}/items": VIEWER,
    "GET /api/v1/datasets/{dataset}/forecast": VIEWER,
    "PUT /api/v1/datasets/{dataset}": EDITOR,
    "DELETE /api/v1/datasets/{dataset}": EDITOR,
    "GET /api/v1/evaluations": VIEWER,
    "GET /api/v1/evaluations/{evaluation}": VIEWER,
    "GET /api/v1/evaluations/{evaluation}/results": VIEWER,
    "GET /api/v1/evaluations/{evaluation}/compare": VIEWER,
    "POST /api/v1/evaluations": EDITOR,
    "GET /api/public/v2/prompts": VIEWER,
    "GET /api/public/v2/prompts/{prompt}": VIEWER,
    "POST /api/v1/prompts/{prompt}/versions": EDITOR,
    "PUT /api/v1/prompts/{prompt}/labels/{label}": EDITOR,
    "DELETE /api/v1/prompts/{prompt}/labels/{label}": EDITOR,
    "DELETE /api/v1/prompts/{prompt}": EDITOR,
    "GET /api/v1/objectives": VIEWER,
    "GET /api/v1/objectives/{objective}": VIEWER,
    "PUT /api/v1/objectives/{objective}": EDITOR,
    "DELETE /api/v1/objectives/{objective}": EDITOR,
    "GET /api/v1/usage/prompts": VIEWER,
    "GET /api/v1/prompts/{prompt}/usage": VIEWER,
    "GET /api/v1/prompts/{prompt}/answers": EDITOR,
    "POST /api/v1/answers/{answer}/feedback": VIEWER,
    "POST /api/v1/datasets/{dataset}/from-answers": EDITOR,
    "GET /api/v1/annotation-queues": EDITOR,
    "GET /api/v1/annotation-queues/{queue}": EDITOR,
    "GET /api/v1/annotation-queues/{queue}/next": EDITOR,
    "GET /api/v1/annotation-queues/{queue}/annotations": EDITOR,
    "GET /api/v1/annotation-queues/{queue}/calibration": EDITOR,
    "PUT /api/v1/annotation-queues/{queue}": EDITOR,
    "POST /api/v1/annotation-queues/{queue}/items": EDITOR,
    "POST /api/v1/annotation-queues/{queue}/annotations": EDITOR,
    "DELETE /api/v1/annotation-queues/{queue}": EDITOR,
    "GET /api/v1/webhooks": ADMIN,
    "PUT /api/v1/webhooks/{webhook}": ADMIN,
    "DELETE /api/v1/webhooks/{webhook}": ADMIN,
    # models, money, experts
    "GET /api/v1/providers": ADMIN,
    "GET /api/v1/spend": ADMIN,
    "PUT /api/v1/providers/{provider}": ADMIN,
    "PUT /api/v1/providers/{provider}/models/{alias}": ADMIN,
    "DELETE /api/v1/providers/{provider}/models/{alias}": ADMIN,
    "DELETE /api/v1/providers/{provider}": ADMIN,
    "PUT /api/v1/budgets/{subject}": ADMIN,
    "DELETE /api/v1/budgets/{subject}": ADMIN,
    "GET /api/v1/experts": VIEWER,
    "PUT /api/v1/experts/{expert}": ADMIN,
    "DELETE /api/v1/experts/{expert}": ADMIN,
    "GET /api/v1/gate": ADMIN,
    "POST /api/v1/gate/train": ADMIN,
    "POST /api/v1/gate/versions/{version}/activate": ADMIN,
    "POST /api/v1/routing": VIEWER,
    "POST /api/v1/routing/{decision}/feedback": VIEWER,
    # running it
    "GET /api/v1/commands": ADMIN,
    "GET /api/v1/commands/{command}": VIEWER,
    "GET /api/v1/commands/{command}/events": VIEWER,
    "POST /api/v1/commands/{command}/discard": ADMIN,
    "POST /api/v1/commands/{command}/retry": ADMIN,
    "GET /api/v1/projections": ADMIN,
    "POST /api/v1/projections/{projection}/rebuild": ADMIN,
    # who may do what
    "GET /api/v1/audit": ADMIN,
    "GET /api/v1/organisation": VIEWER,
    "GET /api/v1/keys": ADMIN,
    "POST /api/v1/keys": ADMIN,
    "POST /api/v1/keys/{prefix}/rotate": ADMIN,
    "DELETE /api/v1/keys/{prefix}": ADMIN,
    "GET /api/v1/roles": ADMIN,
    "PUT /api/v1/roles": ADMIN,
    "DELETE /api/v1/roles": ADMIN,
    "POST /api/v1/users": ADMIN,
    "DELETE /api/v1/users/{user}": ADMIN,
    # OpenAI's
    "GET /v1/models": VIEWER,
    "GET /v1/models/{model}": VIEWER,
    "POST /v1/chat/completions": VIEWER,
    "POST /v1/responses": VIEWER,
    "POST /v1/embeddings": VIEWER,
    "POST /v1/rerank": VIEWER,
    "GET /v1/files": EDITOR,
    "GET /v1/files/{file}": EDITOR,
    "POST /v1/files": EDITOR,
    "DELETE /v1/files/{file}": EDITOR,
    "GET /v1/vector_stores": VIEWER,
    "GET /v1/vector_stores/{store}": VIEWER,
    "GET /v1/vector_stores/{store}/file_batches/{batch}": VIEWER,
    "GET /v1/vector_stores/{store}/file_batches/{batch}/files": VIEWER,
    "GET /v1/vector_stores/{store}/files": VIEWER,
    "GET /v1/vector_stores/{store}/files/{file}": VIEWER,
    "GET /v1/vector_stores/{store}/files/{file}/content": VIEWER,
    "POST /v1/vector_stores/{store}/search": VIEWER,
    "POST /v1/vector_stores": EDITOR,
    "POST /v1/vector_stores/{store}": EDITOR,
    "POST /v1/vector_stores/{store}/file_batches": EDITOR,
    "POST /v1/vector_stores/{store}/file_batches/{batch}/cancel": EDITOR,
    "POST /v1/vector_stores/{store}/files": EDITOR,
    "POST /v1/vector_stores/{store}/files/{file}": EDITOR,
    "DELETE /v1/vector_stores/{store}/files/{file}": EDITOR,
    "DELETE /v1/vector_stores/{store}": EDITOR,
    "DELETE /api/v1/collections/{collection}": EDITOR,
    # WebSockets open for all who are known; what is asked there is authorised as elsewhere
    "WS /ws/events": KNOWN,
    "WS /graphql": KNOWN,
    "POST /graphql": KNOWN,
    "WS /ws/stream": KNOWN,
}
# what an editor of the collection `handbook` alone may do: everything of the collection's that an editor may, and
CURATED = {
    # what shows him what is his
    "GET /api/v1/collections",
    "GET /api/v1/commands/{command}",
    "GET /api/v1/commands/{command}/events",
    "GET /v1/vector_stores",
    # what is the collection under another name
    "GET /v1/vector_stores/{store}",
    "POST /v1/vector_stores/{store}",
    "DELETE /v1/vector_stores/{store}",
    "GET /v1/vector_stores/{store}/files",
    "GET /v1/vector_stores/{store}/files/{file}",
    "GET /v1/vector_stores/{store}/files/{file}/content",
    "POST /v1/vector_stores/{store}/search",
    # what names the collection in its example
    "GET /api/v1/answers",
    "POST /v1/chat/completions",
    "POST /v1/responses",
}
# looked for before anything is done to it: whoever may read is told that it is not there
LOOKED_FOR = {
    "DELETE /v1/vector_stores/{store}/files/{file}",
    "POST /v1/vector_stores/{store}/files/{file}",
    "POST /v1/vector_stores/{store}/file_batches/{batch}/cancel",
}
SECRET = "The vault opens with 7391"


def table() -> dict[str, Any]:
    """Every route of the server, by method and path as the description has it."""
    services: Any = MagicMock()
    api = build_api(
        services, [*openai_routes(services), *websocket_routes(services, LiveAnswers()), *graphql_routes(services)]
    )
    found: dict[str, Any] = {}
    left = list(api.routes)
    while left:
        route: Any = left.pop()
        if isinstance(route, WebSocketRoute):
            found[f"WS {route.path}"] = route
        elif isinstance(route, Route) or getattr(route, "methods", None):
            path = route.path.replace(":path}", "}")
            found |= {f"{method} {path}": route for method in route.methods - {"HEAD"}}
        else:
            # one that has neither is of a kind that this does not know, and fails
            left += route.original_router.routes
    return found


def test_every_way_in_has_a_rule_and_every_rule_a_way() -> None:
    assert table().keys() == RULES.keys()


class Issuer:
    """An OpenID issuer: keys of its own, and tokens that it signs."""

    url = "https://issuer.example"

    def __init__(self, folder: Path) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(ECAlgorithm.to_jwk(self.key.public_key()))
        self.jwks = folder / "jwks.json"
        self.jwks.write_text(json.dumps({"keys": [{**public, "kid": "1", "alg": "ES256", "use": "sig"}]}))

    def token(self, **claims: Any) -> str:
        """A token of Clerk's form, version 2."""
        now = int(time.time())
        body = {"iss": self.url, "sub": "user_1", "iat": now, "exp": now + 60, **claims}
        return jwt.encode(body, self.key, "ES256", {"kid": "1"})


class World:
    """A server with an organisation of a member in every role, and another organisation."""

    def __init__(self, server: ServerProcess, issuer: Issuer) -> None:
        self.server = server
        stranger = issuer.token(o={"id": "org_other", "rol": "boss"})
        self.client = httpx.Client(base_url=server.base_url, timeout=60)
        # where people sign in elsewhere, nobody is let in unknown: the first key comes from the command line
        made = subprocess.run(
            [sys.executable, "-m", "ryorin.bootstrap.cli", "keys", "create", "--label", "first", "--scope", "owner"],
            env={**os.environ, "RYORIN_DATA_DIR": str(server.data_dir)},
            capture_output=True,
            text=True,
            check=True,
        )
        self.keys = {"stranger": stranger, "owner": made.stdout.strip()}
        put = self.client.put(
            "/api/v1/collections/handbook/documents/office/hours.md",
            content=SECRET.encode(),
            headers={"prefer": "wait=60", **self.as_("owner")},
        )
        assert put.status_code == 200, put.text
        self.command = put.json()["id"]
        for name in ("viewer", "editor", "admin"):
            self._send("put", "/api/v1/roles", {"subject": f"user:{name}", "role": name})
            self.keys[name] = self._key("owner", user=name)
        grant = {"subject": "group:curators", "role": "editor", "resource": "collection:handbook"}
        self._send("put", "/api/v1/roles", grant)
        self.keys["curator"] = self._key("owner", groups=["curators"])
        self.keys["nobody"] = self._key("owner", user="nobody")

    def _send(self, method: str, path: str, body: dict[str, Any], by: str = "owner") -> dict[str, Any]:
        response = self.client.request(method, path, json=body, headers=self.as_(by))
        assert response.is_success, response.text
        return dict(response.json())

    def _key(self, by: str | None, **body: Any) -> str:
        response = self.client.post("/api/v1/keys", json={"label": "test", **body}, headers=self.as_(by))
        assert response.status_code == 201, response.text
        return str(response.json()["key"])

    def as_(self, who: str | None) -> dict[str, str]:
        """The header of somebody's requests; None brings no credential."""
        return {} if who is None else {"authorization": f"Bearer {self.keys[who]}"}

    def get(self, path: str) -> str:
        """What the owner is told."""
        return self.client.get(path, headers=self.as_("owner")).text

    def send(self, operation: str, who: str | None) -> httpx.Response:
        """What somebody is answered who sends the example of an operation."""
        method, _, path = operation.partition(" ")
        described = DESCRIPTION["paths"].get(path, {}).get(method.lower(), {})
        parameters = described.get("parameters", [])
        names = {one["name"]: one["schema"]["examples"][0] for one in parameters if _example(one, "path")}
        names |= {"command": self.command, "projection": "knowledge.documents", "collection": "handbook"}
        names |= {"store": "handbook"}
        names |= {name: "none" for name in re.findall(r"{(\w+)}", path) if name not in names}
        query = {one["name"]: one["schema"]["examples"][0] for one in parameters if _example(one, "query")}
        content = described.get("requestBody", {}).get("content", {})
        kind = next(iter(content), "application/json")
        more: dict[str, Any] = {"content": example_of(content[kind])} if content and "multipart" not in kind else {}
        headers = {**self.as_(who), "content-type": kind}
        if "multipart" in kind:
            more, headers = {"files": {"file": ("notes.md", b"# Notes")}}, self.as_(who)
        return self.client.request(method, path.format(**names), params=query, headers=headers, **more)


def _example(parameter: dict[str, Any], where: str) -> bool:
    asked = parameter["in"] == where and (where == "path" or parameter.get("required"))
    return asked and "examples" in parameter["schema"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    settings = {
        "RYORIN_OIDC__ISSUER": issuer.url,
        "RYORIN_OIDC__JWKS": str(issuer.jwks),
        "RYORIN_OIDC__PRESET": "clerk",
        "RYORIN_OIDC__ROLES": '{"boss": "owner"}',
    }
    with ServerProcess(**settings) as server:
        yield World(server, issuer)


def allowed(operation: str, who: str | None) -> bool:
    """As the table has it."""
    needed = RULES[operation]
    if who is None:
        return needed == ANYONE
    if who in ROLES:
        return ROLES[who] >= needed
    if needed <= KNOWN or who == "nobody":
        return needed <= KNOWN
    of_collection = operation.partition(" ")[2].startswith("/api/v1/collections/{collection}")
    return operation in CURATED or (of_collection and needed <= EDITOR)


# in order of rights, so that nothing is taken away before the last may not take it
EVERYBODY = (None, "nobody", "curator", "viewer", "editor", "admin", "owner")


@pytest.mark.parametrize("operation", [one for one in RULES if not one.startswith("WS")])
def test_a_role_may_do_what_the_table_says(world: World, operation: str) -> None:
    told = {who: world.send(operation, who).status_code for who in EVERYBODY}

    for who, status in told.items():
        if status == 404 and operation in LOOKED_FOR and who != "nobody":
            continue
        if allowed(operation, who):
            assert status not in (401, 403) and status < 500, f"{who}: {told}"
        else:
            assert status == (401 if who is None else 403), f"{who}: {told}"


def test_an_owner_of_another_organisation_sees_and_changes_nothing_here(world: World) -> None:
    put = world.client.put(
        "/api/v1/collections/handbook/documents/office/hours.md",
        content=SECRET.encode(),
        headers={"prefer": "wait=60", **world.as_("owner")},
    )
    world.command = put.json()["id"]
    assert world.client.get("/api/v1/me", headers=world.as_("stranger")).json()["organisation"] == "org_other"
    before = _seen(world)

    for operation, needed in RULES.items():
        if not operation.startswith("WS") and needed != ANYONE:
            response = world.send(operation, "stranger")
            assert response.status_code < 500, f"{operation}: {response.text}"
            assert "vault" not in response.text, operation
            assert world.command not in response.text or response.status_code == 404, operation

    assert _seen(world) == before


def _seen(world: World) -> list[str]:
    """What the organisation has."""
    paths = ("collections", "collections/handbook/documents", "keys", "roles", "prompts", "experts", "providers")
    # how often a key was used changes with every look
    return [re.sub(r'"last_used_at":"[^"]*"', "", world.get(f"/api/v1/{path}")) for path in paths]


@pytest.mark.parametrize("path", ["/ws/stream", "/ws/events"])
@pytest.mark.parametrize("who", EVERYBODY)
def test_websockets_open_for_who_is_known(world: World, path: str, who: str | None) -> None:
    url = world.server.base_url.replace("http", "ws") + path

    with connect(url, additional_headers=world.as_(who)) as socket:
        if who is None:
            socket.send(json.dumps({"type": "auth", "token": "ryo_no_key"}))
            assert json.loads(socket.recv(20))["error"]["code"] == "unauthenticated"
            return
        if path == "/ws/stream":
            request = {"model": "extractive", "messages": [{"role": "user", "content": "Hello"}]}
            socket.send(json.dumps({"type": "ask", "id": "1", "request": request}))
            refused = json.loads(socket.recv(20))["error"]["code"]
            # those who may ask hear that this model needs a collection
            assert refused == ("forbidden" if who in ("nobody", "curator") else "invalid_input")


# every field of GraphQL: an operation of it alone, and the role that it needs
GRAPH = {
    "Query.prompts": ("{ prompts { nodes { name } } }", VIEWER),
    "Query.prompt": ('{ prompt(name: "none") { name } }', VIEWER),
    "Query.datasets": ("{ datasets { nodes { name } } }", VIEWER),
    "Query.evaluations": ("{ evaluations { nodes { name } } }", VIEWER),
    "Query.evaluation": ('{ evaluation(name: "none") { name } }', VIEWER),
    "Query.results": ('{ results(evaluation: "none") }', VIEWER),
    "Query.comparison": ('{ comparison(first: "a", second: "b") }', VIEWER),
    "Query.documents": ('{ documents(collection: "handbook") { nodes { id } } }', VIEWER),
    "Query.document": ('{ document(collection: "handbook", id: "office/hours.md") { id title } }', VIEWER),
    "Query.answersUsing": ('{ answersUsing(collection: "handbook", document: "office/hours.md") { id } }', VIEWER),
    "Query.usage": ("{ usage { spentUsd } }", ADMIN),
    "Query.command": ('{ command(id: "COMMAND") { state } }', VIEWER),
    "Mutation.createPromptVersion": (
        'mutation { createPromptVersion(prompt: "graph", messages: [{content: "Hello"}]) { result } }',
        EDITOR,
    ),
    "Query.objectives": ("{ objectives { nodes { name } } }", VIEWER),
    "Query.objective": ('{ objective(name: "none") { level } }', VIEWER),
    "Query.styles": ("{ styles { nodes { name } } }", VIEWER),
    "Query.annotationQueues": ("{ annotationQueues }", EDITOR),
    "Query.annotationQueue": ('{ annotationQueue(name: "none") { items } }', EDITOR),
    "Mutation.runEvaluation": (
        'mutation { runEvaluation(name: "graph", dataset: "none", metrics: [{kind: "exact"}], model: "x") { state } }',
        EDITOR,
    ),
    "Mutation.putObjective": (
        'mutation { putObjective(name: "graph", prompt: "graph", indicator: "errors", target: 0.9) { result } }',
        EDITOR,
    ),
    "Mutation.giveFeedback": ('mutation { giveFeedback(answer: "none", rating: "good") { result } }', VIEWER),
    "Mutation.movePromptLabel": (
        'mutation { movePromptLabel(prompt: "graph", label: "x", version: 1) { result } }',
        EDITOR,
    ),
    "Mutation.ask": ('mutation { ask(question: "Hello?", model: "extractive", collection: "none") { text } }', VIEWER),
    "Subscription.commandProgress": ('subscription { commandProgress(id: "COMMAND") { state } }', VIEWER),
}
# what names the collection that he curates, and commands, of which he sees his own
CURATED_GRAPH = {
    "Query.documents",
    "Query.document",
    "Query.answersUsing",
    "Query.command",
    "Subscription.commandProgress",
}


def test_every_field_of_graphql_has_a_rule() -> None:
    types = build_schema()._schema.type_map
    fields = {f"{kind}.{name}" for kind in ("Query", "Mutation", "Subscription") for name in types[kind].fields}  # type: ignore[attr-defined]

    assert fields == GRAPH.keys()


def graph(world: World, field: str, who: str | None) -> tuple[int, list[str], str]:
    """HTTP status, the codes of errors, and all that was answered to an operation of one field."""
    operation = GRAPH[field][0].replace("COMMAND", world.command)
    if not field.startswith("Subscription"):
        response = world.client.post("/graphql", json={"query": operation}, headers=world.as_(who))
        errors = response.json().get("errors", []) if response.status_code == 200 else []
        return response.status_code, [error["extensions"]["code"] for error in errors], response.text
    url = world.server.base_url.replace("http", "ws") + "/graphql"
    with connect(url, additional_headers=world.as_(who), subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        try:
            assert json.loads(socket.recv(20))["type"] == "connection_ack"
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 4403
            return 401, [], ""
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": operation}}))
        said = json.loads(socket.recv(20))
        errors = said["payload"] if said["type"] == "error" else said["payload"].get("errors") or []
        return 200, [error["extensions"]["code"] for error in errors], json.dumps(said)


@pytest.mark.parametrize("field", GRAPH)
def test_a_role_may_ask_of_graphql_what_the_table_says(world: World, field: str) -> None:
    needed = GRAPH[field][1]
    for who in EVERYBODY:
        status, codes, _ = graph(world, field, who)
        if who is None:
            assert status == 401, field
        elif (ROLES[who] >= needed) if who in ROLES else (who == "curator" and field in CURATED_GRAPH):
            assert status == 200 and "forbidden" not in codes, f"{who}: {codes}"
        else:
            assert (status, codes) in ((200, ["forbidden"]), (200, ["not_found"])), f"{who}: {codes}"
    status, codes, text = graph(world, field, "stranger")
    assert status == 200 and "vault" not in text and "succeeded" not in text
