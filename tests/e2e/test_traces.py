"""One trace from a request to everything that was done for it, across processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import opentelemetry.semconv._incubating.attributes.gen_ai_attributes as gen_ai
import pytest
from opentelemetry.semconv.attributes import (
    error_attributes,
    http_attributes,
    server_attributes,
    url_attributes,
)

from benchmarks.server import ServerProcess
from tests.collector import Collected, Collector, collecting
from tests.integration.test_gateway import completes
from tests.upstream import Upstream, event, says, serving

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
CONVENTIONS = {
    value
    for module in (gen_ai, error_attributes, http_attributes, server_attributes, url_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
# langfuse.com/integrations/native/opentelemetry
LANGFUSE = {"langfuse.observation.prompt.name", "langfuse.observation.prompt.version"}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with serving() as told:
        yield told


@pytest.fixture(scope="module")
def client(
    collector: Collector, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A server that answers, and one that works and projects."""
    data: Path = tmp_path_factory.mktemp("traced")
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "RYORIN_MODELS__MOCK__BASE_URL": upstream.base_url,
        "RYORIN_MODELS__MOCK__MODEL": "mock-1",
    }
    with (
        ServerProcess(data, roles="http", **environment) as front,
        ServerProcess(data, roles="worker,projections", **environment).started(),
        httpx.Client(base_url=front.base_url, timeout=60) as opened,
    ):
        yield opened


def put(client: httpx.Client, name: str, **headers: str) -> httpx.Response:
    response = client.put(
        f"/api/v1/collections/docs/documents/{name}",
        content=b"# Office\n\nThe Tokyo office opens at nine.\n",
        headers={"prefer": "wait=60", **headers},
    )
    assert response.status_code == 200, response.text
    return response


def test_a_document_is_followed_from_the_request_to_the_index(client: httpx.Client, collector: Collector) -> None:
    put(client, "office.md", traceparent=TRACEPARENT)
    trace = TRACEPARENT.split("-")[1]
    asked = "PUT /api/v1/collections/{collection}/documents/{document:path}"

    def whole() -> dict[str, Collected]:
        found = {one.name: one for one in collector.spans if one.trace == trace and "apply" not in one.name}
        applied = [one for one in collector.named("projection.apply") if one.trace == trace]
        found |= {str(one.attributes["ryorin.projection"]): one for one in applied}
        return found if {asked, "command.run", "knowledge.search", "knowledge.documents"} <= found.keys() else {}

    spans = collector.wait(whole)
    request = spans[asked]
    assert (request.kind, request.parent) == (SERVER, TRACEPARENT.split("-")[2])
    assert request.attributes["http.response.status_code"] == 200
    sent, run = spans["command.send"], spans["command.run"]
    assert (sent.kind, sent.parent) == (PRODUCER, request.id)
    assert (run.kind, run.parent) == (CONSUMER, sent.id)
    assert run.attributes["ryorin.command.name"] == "knowledge.put_document"
    for projection in ("knowledge.search", "knowledge.documents"):
        assert spans[projection].kind == CONSUMER
        assert spans[projection].parent == sent.id
    known = {one.id for one in collector.spans} | {TRACEPARENT.split("-")[2]}
    assert all(one.parent in known for one in collector.spans if one.trace == trace)


def test_a_call_of_a_model_is_told_by_the_conventions(
    client: httpx.Client, collector: Collector, upstream: Upstream
) -> None:
    upstream.replies = [says(event("Nine."), event("", "stop"), event(usage=(11, 2)), "data: [DONE]\n\n")]
    written = {"messages": [{"role": "system", "content": "Be short."}]}
    client.post("/api/v1/prompts/terse/versions", json=written).raise_for_status()
    body = {
        "model": "mock",
        "messages": [{"role": "user", "content": "When?"}],
        "temperature": 0.5,
        "stream": True,
        "ryorin": {"prompt": {"name": "terse", "version": 1}},
    }

    assert client.post("/v1/chat/completions", json=body).status_code == 200

    (call,) = collector.wait(lambda: collector.named("chat mock-1"))
    request = collector.wait(
        lambda: [one for one in collector.named("POST /v1/chat/completions") if one.trace == call.trace]
    )[0]
    stream = next(one for one in collector.named("query.stream") if one.id == call.parent)
    assert stream.parent == request.id
    assert call.kind == CLIENT
    assert call.attributes["gen_ai.operation.name"] == "chat"
    assert call.attributes["gen_ai.request.model"] == "mock-1"
    assert call.attributes["gen_ai.request.temperature"] == 0.5
    assert call.attributes["gen_ai.usage.input_tokens"] == 11
    assert call.attributes["gen_ai.usage.output_tokens"] == 2
    assert call.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert call.attributes["langfuse.observation.prompt.name"] == "terse"
    assert call.attributes["langfuse.observation.prompt.version"] == 1


def test_scores_are_told_by_the_conventions(client: httpx.Client, collector: Collector, upstream: Upstream) -> None:
    upstream.replies = [completes("At nine.")]
    items = [{"id": "1", "input": "When does it open?", "expected": "nine"}, {"id": "2", "input": "Where?"}]
    client.put("/api/v1/datasets/traced", json={"items": items}).raise_for_status()
    body = {"name": "traced", "dataset": "traced", "model": "mock", "metrics": [{"kind": "contains"}]}
    ended = client.post("/api/v1/evaluations", json=body, headers={"prefer": "wait=30"}).raise_for_status().json()
    assert ended["state"] == "succeeded", ended

    def both() -> list[Collected]:
        found = collector.named("evaluation.item")
        return found if len(found) == len(items) else []

    spans = collector.wait(both)
    told = {one.attributes["ryorin.evaluation.item"]: one.events for one in spans}
    name = {"gen_ai.evaluation.name": "contains"}
    assert told["1"] == (
        (
            "gen_ai.evaluation.result",
            {**name, "gen_ai.evaluation.score.label": "scored", "gen_ai.evaluation.score.value": 1.0},
        ),
    )
    assert told["2"] == (("gen_ai.evaluation.result", {**name, "gen_ai.evaluation.score.label": "abstained"}),)
    assert {one for events in told.values() for _, said in events for one in said} <= CONVENTIONS
    # the call that was measured is in the same trace
    assert {one.trace for one in spans} <= {one.trace for one in collector.named("chat mock-1")}


def test_failures_say_what_failed_and_nothing_that_somebody_wrote(client: httpx.Client, collector: Collector) -> None:
    body = {"model": "none-of-this-name", "messages": [{"role": "user", "content": "When?"}]}
    assert client.post("/v1/chat/completions", json=body).status_code == 404

    failed = collector.wait(lambda: [one for one in collector.spans if one.attributes.get("error.type")])
    assert "none-of-this-name" not in str(failed)


def test_names_are_those_of_the_conventions_or_our_own(collector: Collector) -> None:
    names = {name for one in collector.spans for name in one.attributes}

    assert {name for name in names if not name.startswith("ryorin.")} <= CONVENTIONS | LANGFUSE
    assert names & {"gen_ai.usage.cache_read.input_tokens", "http.route"}
