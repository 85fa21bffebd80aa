from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from aiohttp import ClientSession
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ryorin.adapters.openai_http.chat import OpenAIHttpChatModel
from ryorin.adapters.openai_http.embeddings import EmbeddingEndpoint, OpenAIHttpEngine
from ryorin.adapters.openai_http.rerank import RerankEndpoint
from ryorin.contexts.answers.errors import ModelLimited, ModelRejected, ModelUnavailable
from ryorin.contexts.answers.queries import ChatMessage, SamplingOptions, Usage
from ryorin.contexts.answers.read.ports import ChatDelta, ChatRequest, RemainingLimits
from ryorin.contexts.knowledge.domain.relevance import Evidence, QuestionTerms
from ryorin.contexts.knowledge.read.ports import RerankQuestion
from ryorin.kernel.errors import RyorinError, Unavailable
from tests.upstream import Reply, Upstream, event, fails, never_ends, says

KEY = "sk-test-9f31c2"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as opened:
        yield opened


def model(base_url: str, session: ClientSession, key: str | None = KEY) -> OpenAIHttpChatModel:
    return OpenAIHttpChatModel("big", base_url, "vendor/big-1", lambda: key, 8192, session)


def question(seconds: float = 30, **sampling: Any) -> ChatRequest:
    return ChatRequest((ChatMessage("user", "図書館はいつ開きますか？"),), SamplingOptions(**sampling), seconds)


async def collect(answering: OpenAIHttpChatModel, request: ChatRequest) -> list[ChatDelta]:
    async with aclosing(answering.stream(request)) as deltas:
        return [delta async for delta in deltas]


async def test_an_answer_arrives_in_pieces_with_its_end_and_its_usage(
    upstream: Upstream, session: ClientSession
) -> None:
    upstream.replies = [
        says(event("九時"), event("です。"), event("", "stop"), event(usage=(12, 5)), "data: [DONE]\n\n")
    ]

    deltas = await collect(model(upstream.base_url, session), question())

    assert "".join(delta.text for delta in deltas) == "九時です。"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    assert deltas[-1].usage == Usage(12, 5)


async def test_the_request_carries_model_conversation_key_and_only_the_options_given(
    upstream: Upstream, session: ClientSession
) -> None:
    upstream.replies = [says(event("x", "stop"), "data: [DONE]\n\n")]

    await collect(model(upstream.base_url, session), question(temperature=0.0, stop=("END",), max_tokens=7))

    assert upstream.keys == [f"Bearer {KEY}"]
    assert upstream.bodies == [
        {
            "model": "vendor/big-1",
            "messages": [{"role": "user", "content": "図書館はいつ開きますか？"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.0,
            "max_tokens": 7,
            "stop": ["END"],
        }
    ]


async def test_without_a_key_no_credential_is_sent(upstream: Upstream, session: ClientSession) -> None:
    upstream.replies = [says(event("x", "stop"))]

    await collect(model(upstream.base_url, session, key=None), question())

    assert upstream.keys == [None]


async def test_noise_between_events_is_passed_over(upstream: Upstream, session: ClientSession) -> None:
    noise = ": keep-alive\n\n", "event: ping\n", "data:\n\n", "data: {broken\n\n", "data: [1, 2]\n\n", 'data: "x"\n\n'
    upstream.replies = [says(event("A"), *noise, event("B", "stop"), "data: [DONE]\n\n")]

    deltas = await collect(model(upstream.base_url, session), question())

    assert "".join(delta.text for delta in deltas) == "AB"


async def test_an_event_may_arrive_in_several_packets_and_without_a_blank(
    upstream: Upstream, session: ClientSession
) -> None:
    whole = event("東京", "stop").replace("data: ", "data:")
    upstream.replies = [says(*whole, "data: [DONE]\n\n")]

    deltas = await collect(model(upstream.base_url, session), question())

    assert [delta.text for delta in deltas] == ["東京"]


async def test_a_limit_is_told_with_the_pause_that_the_server_wants(upstream: Upstream, session: ClientSession) -> None:
    upstream.replies = [fails(429, "slow down", retry_after="7")]

    with pytest.raises(ModelLimited, match="slow down") as limited:
        await collect(model(upstream.base_url, session), question())

    assert limited.value.retry_after == 7
    assert len(upstream.bodies) == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_that_fails_may_be_asked_again_by_whoever_knows_the_others(
    upstream: Upstream, session: ClientSession, status: int
) -> None:
    upstream.replies = [fails(status, "warming up")]

    with pytest.raises(ModelUnavailable, match=rf"'big'.*{status}.*warming up") as failed:
        await collect(model(upstream.base_url, session), question())

    assert failed.value.again
    assert len(upstream.bodies) == 1


@pytest.mark.parametrize(
    ("status", "error", "says_what"),
    [
        (400, ModelRejected, "context of 8192 exceeded"),
        (422, ModelRejected, "context of 8192 exceeded"),
        (401, ModelUnavailable, "check its api_key"),
        (403, ModelUnavailable, "check its api_key"),
        (404, ModelUnavailable, "does not know 'vendor/big-1'"),
    ],
)
async def test_a_refusal_is_final_and_says_what_to_check(
    upstream: Upstream, session: ClientSession, status: int, error: type[RyorinError], says_what: str
) -> None:
    upstream.replies = [fails(status, "context of 8192 exceeded")]

    with pytest.raises(error, match=says_what) as raised:
        await collect(model(upstream.base_url, session), question())

    assert "'big'" in raised.value.detail
    assert KEY not in raised.value.detail
    assert len(upstream.bodies) == 1


async def test_a_server_that_is_not_there_is_named(session: ClientSession) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"

        with pytest.raises(ModelUnavailable, match=r"'big' at http://127.*ClientConnectorError.*is it running"):
            await collect(model(address, session), question())


async def test_an_answer_that_does_not_end_is_cut_off_in_time(upstream: Upstream, session: ClientSession) -> None:
    upstream.replies = [never_ends(upstream, event("I am thinking"))]

    with pytest.raises(ModelUnavailable, match=r"did not finish within 0\.3 s"):
        await collect(model(upstream.base_url, session), question(seconds=0.3))


async def test_an_answer_broken_off_is_an_error_and_is_not_begun_again(
    upstream: Upstream, session: ClientSession
) -> None:
    upstream.replies = [says(event("The office opens at"))]
    seen: list[str] = []

    async def read() -> None:
        async with aclosing(model(upstream.base_url, session).stream(question())) as deltas:
            async for delta in deltas:
                seen.append(delta.text)

    with pytest.raises(ModelUnavailable, match="ended in the middle"):
        await read()

    assert seen == ["The office opens at"]
    assert len(upstream.bodies) == 1


async def test_whoever_stops_listening_stops_the_server(upstream: Upstream, session: ClientSession) -> None:
    upstream.replies = [never_ends(upstream, event("first"))]

    async with aclosing(model(upstream.base_url, session).stream(question())) as deltas:
        first = await anext(deltas)

    assert first.text == "first"
    assert await asyncio.to_thread(upstream.left.wait, 10)


def embeds(dimensions: int = 3) -> Reply:
    """A vector that names its text's length, in the wrong order and not normalised."""

    async def reply(request: Request) -> Response:
        texts = (await request.json())["input"]
        items = [{"index": at, "embedding": [len(text), *[1.0] * (dimensions - 1)]} for at, text in enumerate(texts)]
        return JSONResponse({"data": items[::-1]})

    return reply


def engine(upstream: Upstream, **more: Any) -> OpenAIHttpEngine:
    endpoint = EmbeddingEndpoint(upstream.base_url, "vendor/small", 3, api_key=KEY, batch_size=2, **more)
    return OpenAIHttpEngine(endpoint, sleep=lambda seconds: None)


def test_vectors_come_in_batches_in_order_and_normalised(upstream: Upstream) -> None:
    upstream.replies = [embeds()]

    vectors = engine(upstream, passage_prefix="passage: ").embed_passages(["a", "bb", "ccc"])

    assert [body["input"] for body in upstream.bodies] == [["passage: a", "passage: bb"], ["passage: ccc"]]
    assert upstream.keys == [f"Bearer {KEY}"] * 2
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert vectors[0][0] < vectors[1][0] < vectors[2][0]


def test_an_overloaded_endpoint_is_asked_again(upstream: Upstream) -> None:
    upstream.replies = [fails(503), fails(429), embeds()]

    assert engine(upstream).embed_queries(["a"]).shape == (1, 3)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (fails(401, "wrong key"), "HTTP 401.*wrong key"),
        (fails(500), "HTTP 500"),
        (embeds(dimensions=4), "3 dimensions are configured"),
        (says("no JSON"), "no embeddings"),
    ],
)
def test_what_is_no_vector_is_named(upstream: Upstream, reply: Reply, words: str) -> None:
    upstream.replies = [reply]

    with pytest.raises(Unavailable, match=words):
        engine(upstream).embed_queries(["a"])


def test_vectors_of_another_meaning_have_another_model_id(upstream: Upstream) -> None:
    assert engine(upstream).model_id == "vendor/small:3"
    assert engine(upstream, query_prefix="q: ").model_id != engine(upstream).model_id


def judges(*scores: tuple[int, float]) -> Reply:
    async def reply(request: Request) -> Response:
        return JSONResponse({"results": [{"index": index, "relevance_score": score} for index, score in scores]})

    return reply


QUESTION = RerankQuestion("When does it open?", QuestionTerms.of("", {}))
CANDIDATES = [Evidence("Office", "It opens at nine.", None, None), Evidence("", "It rains.", None, None)]


async def test_a_rerank_endpoint_judges_every_candidate(upstream: Upstream, client: httpx.AsyncClient) -> None:
    upstream.replies = [judges((1, 0.1), (0, 0.9)), judges((0, 4.0), (1, -4.0))]
    reranker = RerankEndpoint(upstream.base_url, "bge-reranker", KEY, client)

    assert await reranker.scores(QUESTION, CANDIDATES) == [0.9, 0.1]
    logits = await reranker.scores(QUESTION, CANDIDATES)
    assert 0.9 < logits[0] < 1
    assert 0 < logits[1] < 0.1
    assert upstream.bodies[0] == {
        "model": "bge-reranker",
        "query": "When does it open?",
        "documents": ["Office\nIt opens at nine.", "\nIt rains."],
        "top_n": 2,
    }
    assert upstream.keys[0] == f"Bearer {KEY}"


async def test_a_rerank_endpoint_that_leaves_candidates_out_is_not_believed(
    upstream: Upstream, client: httpx.AsyncClient
) -> None:
    upstream.replies = [judges((0, 0.9))]

    with pytest.raises(Unavailable, match="judged 1 of 2"):
        await RerankEndpoint(upstream.base_url, "m", None, client).scores(QUESTION, CANDIDATES)


def whole(body: object, status: int = 200) -> Reply:
    async def reply(request: Request) -> Response:
        content = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return Response(content, status, media_type="application/json")

    return reply


async def test_an_answer_that_nobody_wants_in_pieces_is_asked_for_whole(
    upstream: Upstream, session: ClientSession
) -> None:
    message = {"role": "assistant", "content": "九時です。"}
    usage = {"prompt_tokens": 12, "completion_tokens": 5}
    upstream.replies = [whole({"choices": [{"message": message, "finish_reason": "length"}], "usage": usage})]

    deltas = await collect(model(upstream.base_url, session), replace(question(), whole=True))

    assert deltas == [ChatDelta("九時です。", "length", Usage(12, 5))]
    assert (upstream.bodies[0]["stream"], "stream_options" in upstream.bodies[0]) == (False, False)


@pytest.mark.parametrize("body", ["{", "[]", {"choices": []}, {"choices": [{"message": None}]}, {"usage": 3}])
async def test_what_is_no_completion_is_said_to_be_none(
    upstream: Upstream, session: ClientSession, body: object
) -> None:
    upstream.replies = [whole(body)]

    with pytest.raises(ModelUnavailable, match="no chat completion"):
        await collect(model(upstream.base_url, session), replace(question(), whole=True))


async def test_a_server_that_streams_although_it_was_not_asked_to_is_understood(
    upstream: Upstream, session: ClientSession
) -> None:
    upstream.replies = [says(event("九時"), event("です。", "stop"), "data: [DONE]\n\n")]

    deltas = await collect(model(upstream.base_url, session), replace(question(), whole=True))

    assert "".join(delta.text for delta in deltas) == "九時です。"


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        (
            {"x_ratelimit_remaining_requests": "59", "x_ratelimit_reset_requests": "1m30s"},
            RemainingLimits(59, None, 90, 0),
        ),
        (
            {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "120ms"},
            RemainingLimits(None, 0, 0, 0.12),
        ),
        (
            {"x_ratelimit_remaining_requests": "-1", "x_ratelimit_reset_requests": "soon"},
            RemainingLimits(0, None, 0, 0),
        ),
        ({"x_ratelimit_remaining_requests": "many"}, None),
        ({}, None),
    ],
)
async def test_what_is_left_of_a_providers_limits_is_heard(
    upstream: Upstream, session: ClientSession, headers: dict[str, str], left: RemainingLimits | None
) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def reply(request: Request) -> Response:
        said = (event("yes"), event("", "stop"), "data: [DONE]\n\n")
        return StreamingResponse(iter(said), media_type="text/event-stream", headers=named)

    upstream.replies = [reply]
    deltas = await collect(model(upstream.base_url, session), question())

    assert [delta.remaining for delta in deltas] == [left, None]
