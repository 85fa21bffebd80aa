"""The examples of the OpenAPI description, sent as they stand there: every one of them works."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from benchmarks.server import ServerProcess
from tests.examples import DESCRIPTION, example_of

# what must be there for the others comes first, what takes it away comes last
FIRST = (
    "put /api/v1/collections/{collection}",
    "put /api/v1/collections/{collection}/documents/{document}",
    "post /api/v1/users",
    "put /api/v1/roles",
    "put /api/v1/providers/{provider}",
    "put /api/v1/providers/{provider}/models/{alias}",
    "put /api/v1/budgets/{subject}",
    "put /api/v1/experts/{expert}",
    "post /api/v1/conversations/{conversation}/messages",
    "post /api/v1/prompts/{prompt}/versions",
    "put /api/v1/prompts/{prompt}/labels/{label}",
    "put /api/v1/datasets/{dataset}",
    "put /api/v1/styles/{style}",
    "post /api/v1/evaluations",
    "put /api/v1/objectives/{objective}",
    "put /api/v1/annotation-queues/{queue}",
    "post /api/v1/annotation-queues/{queue}/items",
    "get /api/v1/annotation-queues/{queue}/next",
    "post /api/v1/annotation-queues/{queue}/annotations",
    # its example wants a version that is there, and the command of the training is waited for
    "post /api/v1/gate/train",
)
LAST = (
    # the answer of an example before
    "get /api/v1/answers/{answer}/provenance",
    "post /api/v1/answers/{answer}/feedback",
    "post /api/v1/commands/{command}/retry",
    "post /api/v1/commands/{command}/discard",
    "post /api/v1/collections/{collection}/restore/{document}",
    "delete /api/v1/collections/{collection}/documents/{document}",
    "post /api/v1/collections/{collection}/erase/{document}",
    "delete /api/v1/collections/{collection}",
    "delete /api/v1/providers/{provider}/models/{alias}",
    "delete /api/v1/providers/{provider}",
    "delete /api/v1/budgets/{subject}",
    "delete /api/v1/experts/{expert}",
    "delete /api/v1/prompts/{prompt}/labels/{label}/gate",
    "delete /api/v1/prompts/{prompt}/labels/{label}",
    "delete /api/v1/prompts/{prompt}",
    "delete /api/v1/objectives/{objective}",
    "delete /api/v1/annotation-queues/{queue}",
    "delete /api/v1/datasets/{dataset}",
    "delete /api/v1/styles/{style}",
    "delete /api/v1/conversations/{conversation}",
    "delete /api/v1/roles",
    "delete /api/v1/users/{user}",
    "post /api/v1/keys",
    "post /api/v1/keys/{prefix}/rotate",
    "delete /api/v1/keys/{prefix}",
)
REFUSED = {
    # the command of the example has succeeded: there is nothing to mend
    "post /api/v1/commands/{command}/retry": (409,),
    "post /api/v1/commands/{command}/discard": (409,),
    # nothing was answered with another question's answer
    "post /api/v1/cache/semantic/{hit}/feedback": (404,),
    # no question of that name was routed
    "post /api/v1/routing/{decision}/feedback": (404,),
    # nothing is stored of the prompt's answers, or was found bad
    "post /api/v1/datasets/{dataset}/from-answers": (400,),
    # no judge was asked in the evaluation of the example
    "get /api/v1/annotation-queues/{queue}/calibration": (400,),
    # nothing of the examples is public
    "get /api/v1/public/{organisation}/prompts/{prompt}": (404,),
    "post /api/v1/public/{organisation}/prompts/{prompt}/render": (404,),
    "get /api/v1/public/{organisation}/collections/{collection}/documents": (404,),
    "get /api/v1/public/{organisation}/collections/{collection}/documents/{document}": (404,),
    "post /api/v1/public/{organisation}/collections/{collection}/search": (404,),
    # its secret is not set on this server, so there is no such webhook
    "put /api/v1/webhooks/{webhook}": (400,),
    "delete /api/v1/webhooks/{webhook}": (404,),
    # no file of that id was uploaded
    "post /v1/vector_stores/{store}/files": (404,),
    "post /v1/vector_stores/{store}/file_batches": (404,),
    "post /v1/vector_stores/{store}/files/{file}": (404,),
    # nothing was added as a batch of that id
    "get /v1/vector_stores/{store}/file_batches/{batch}": (404,),
    "get /v1/vector_stores/{store}/file_batches/{batch}/files": (404,),
    "post /v1/vector_stores/{store}/file_batches/{batch}/cancel": (404,),
    # the role of the example is one in a collection, which is not asked for
    "delete /api/v1/roles": (404,),
    # the key of the example may only read
    "post /api/v1/keys/{prefix}/rotate": (403,),
    "delete /api/v1/keys/{prefix}": (403,),
}
OPERATIONS = [f"{method} {path}" for path, methods in DESCRIPTION["paths"].items() for method in methods]


def in_order(operation: str) -> tuple[int, int]:
    if operation in FIRST:
        return 0, FIRST.index(operation)
    return (2, LAST.index(operation)) if operation in LAST else (1, 0)


class Reader:
    """Someone who tries every example in turn, and notes ids where the description cannot know them."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.known: dict[str, str] = {"projection": "knowledge.documents"}

    def send(self, method: str, path: str) -> httpx.Response:
        described = DESCRIPTION["paths"][path][method]
        for parameter in described.get("parameters", []):
            if parameter["in"] == "path" and parameter["name"] not in self.known:
                self.known[parameter["name"]] = parameter["schema"]["examples"][0]
        asked = {
            parameter["name"]: parameter["schema"]["examples"][0]
            for parameter in described.get("parameters", [])
            if parameter["in"] == "query" and parameter.get("required")
        }
        content = described.get("requestBody", {}).get("content", {})
        media_type = next(iter(content), "application/json")
        if media_type == "multipart/form-data":
            response = self.client.post(path, files={"file": ("notes.md", b"# Notes")})
            self.note(response)
            return response
        response = self.client.request(
            method.upper(),
            path.format(**self.known),
            params=asked,
            content=example_of(content[media_type]) if content else None,
            headers={"content-type": media_type, "prefer": "wait=30"},
        )
        self.note(response)
        return response

    def note(self, response: httpx.Response) -> None:
        if not response.headers["content-type"].startswith("application/json"):
            return
        said = response.json()
        self.known |= {"command": said["id"]} if "attempts" in said else {}
        self.known |= {"answer": said["id"]} if said.get("object") == "chat.completion" else {}
        self.known |= {"prefix": said["prefix"]} if "prefix" in said else {}
        if "key" in said:
            self.client.headers["authorization"] = f"Bearer {said['key']}"
        if token := response.headers.get("x-ryorin-position"):
            self.client.headers["x-ryorin-consistency"] = token


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with ServerProcess() as server, httpx.Client(base_url=server.base_url, timeout=60) as client:
        yield Reader(client)


@pytest.mark.parametrize("operation", sorted(OPERATIONS, key=in_order))
def test_every_example_works(reader: Reader, operation: str) -> None:
    method, _, path = operation.partition(" ")

    response = reader.send(method, path)

    assert response.status_code in REFUSED.get(operation, range(200, 300)), response.text
