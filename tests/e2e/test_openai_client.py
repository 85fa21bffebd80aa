"""The official client, unchanged, against a real server."""

from __future__ import annotations

import json

import httpx
import openai
import pydantic
import pytest

from benchmarks.server import ServerProcess


@pytest.fixture
def client(server: ServerProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="any", max_retries=0)


def question(text: str) -> list:  # type: ignore[type-arg]  # the client's message type
    return [{"role": "user", "content": text}]


def test_an_answer_with_citations(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="extractive",
        messages=question("When does the Tokyo office open?"),
        extra_body={"ryorin": {"collection": "docs", "top_k": 3}},
    )

    assert "opens at nine. [1]" in (answer.choices[0].message.content or "")
    citation = answer.model_extra["ryorin"]["citations"][0]  # type: ignore[index]  # ours
    assert (citation["document"], citation["version"], citation["heading_path"]) == ("office.md", 1, ["Office"])


def test_a_collection_in_the_model_name_and_japanese(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="extractive/collection/docs", messages=question("図書館の休館日は何曜日ですか？")
    )

    assert "図書館は月曜日に休館します。" in (answer.choices[0].message.content or "")


def test_a_stream_says_the_same_and_ends_with_sources_and_usage(client: openai.OpenAI) -> None:
    for _ in range(2):  # made, then from the cache
        chunks = list(
            client.chat.completions.create(
                model="collection/docs",
                messages=question("Is coffee free?"),
                stream=True,
                stream_options={"include_usage": True},
            )
        )

        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert "Coffee is free for everyone." in text
        assert chunks[-1].usage is not None
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-2].model_extra["ryorin"]["citations"]  # type: ignore[index]


def test_the_bundled_model_talks(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="smollm2", messages=question("Say hello."), max_tokens=8)

    assert answer.choices[0].message.content
    assert answer.usage is not None and answer.usage.completion_tokens > 0


def test_embeddings_in_both_encodings_agree(client: openai.OpenAI) -> None:
    packed = client.embeddings.create(model="default", input=["heron"])
    plain = client.embeddings.create(model="default", input="heron", encoding_format="float")

    assert len(packed.data[0].embedding) == 384
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-5)
    assert packed.usage.prompt_tokens > 0


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["extractive", "smollm2"]
    assert client.models.retrieve("smollm2").owned_by == "ryorin"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": "gpt-9/collection/docs"}, openai.NotFoundError, "there is no model 'gpt-9'"),
        ({"model": "extractive"}, openai.BadRequestError, "name a collection"),
        ({"model": "collection/nowhere"}, openai.NotFoundError, "there is no collection 'nowhere'"),
        ({"n": 3}, openai.BadRequestError, "only one choice"),
        ({"temperature": 7}, openai.BadRequestError, "temperature"),
        ({"messages": []}, openai.BadRequestError, "at least one user message"),
        ({"extra_body": {"ryorin": {"colection": "x"}}}, openai.BadRequestError, "colection"),
        ({"extra_body": {"ryorin": {"consistency_token": "soon"}}}, openai.BadRequestError, "consistency token"),
    ],
)
def test_mistakes_are_told_in_the_clients_own_errors(
    client: openai.OpenAI,
    change: dict,
    error: type[openai.APIStatusError],
    words: str,  # type: ignore[type-arg]
) -> None:
    request = {"model": "collection/docs", "messages": question("When?"), **change}

    with pytest.raises(error, match=words):
        client.chat.completions.create(**request)


def test_headers_tell_layer_age_and_position(server: ServerProcess) -> None:
    body = {"model": "collection/docs", "messages": question("How long is the lending period 貸出?")}
    post = lambda: httpx.post(f"{server.base_url}/v1/chat/completions", json=body, timeout=30)  # noqa: E731

    first, second = post(), post()

    assert first.headers["x-ryorin-cache"] == "miss"
    assert second.headers["x-ryorin-cache"] == "l1"
    assert int(second.headers["age"]) >= 0
    assert second.headers["x-ryorin-position"] == first.headers["x-ryorin-position"]


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 30}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_whole_and_in_pieces_made_and_cached(client: openai.OpenAI, stream: bool) -> None:
    for _ in range(2):
        said = client.chat.completions.create(
            model="smollm2",
            messages=question("How is the weather in Paris?"),
            tools=[WEATHER],  # type: ignore[list-item]  # the client's tool type
            tool_choice="required",
            temperature=0,
            max_tokens=60,
            stream=stream,
        )
        if stream:
            pieces = [call for chunk in said for choice in chunk.choices for call in choice.delta.tool_calls or ()]
            name = pieces[0].function.name
            arguments = "".join(piece.function.arguments or "" for piece in pieces)
        else:
            (call,) = said.choices[0].message.tool_calls
            assert said.choices[0].finish_reason == "tool_calls"
            name, arguments = call.function.name, call.function.arguments
        assert name == "get_weather"
        assert json.loads(arguments).keys() == {"city"}


def test_an_answer_is_parsed_into_the_callers_own_type(client: openai.OpenAI) -> None:
    class Place(pydantic.BaseModel):
        city: str
        inhabitants: int

    answer = client.chat.completions.parse(
        model="smollm2", messages=question("Describe Paris."), response_format=Place, temperature=0, max_tokens=80
    )

    assert isinstance(answer.choices[0].message.parsed, Place)


def test_a_response_says_what_a_completion_says(client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model="extractive/collection/docs", input="When does the Tokyo office open?", instructions="Be brief."
    )

    assert "opens at nine" in answer.output_text
    assert answer.status == "completed"
    assert answer.model_extra["ryorin"]["citations"][0]["document"] == "office.md"  # type: ignore[index]


def test_a_response_streams_its_text_and_ends_with_the_whole(client: openai.OpenAI) -> None:
    with client.responses.stream(model="smollm2", input="Say hello.", max_output_tokens=12, temperature=0) as stream:
        kinds = [event.type for event in stream]
        whole = stream.get_final_response()

    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.output_text.delta" in kinds
    assert whole.output_text
    assert whole.usage is not None
    assert whole.usage.output_tokens > 0


def test_a_response_calls_a_function_and_hears_what_came_of_it(client: openai.OpenAI) -> None:
    tool = {"type": "function", **WEATHER["function"]}  # type: ignore[dict-item]
    asked: list = [{"role": "user", "content": "How is the weather in Paris?"}]  # type: ignore[type-arg]
    first = client.responses.create(
        model="smollm2",
        input=asked,
        tools=[tool],  # type: ignore[list-item]
        tool_choice={"type": "function", "name": "get_weather"},
        temperature=0,
        max_output_tokens=60,
    )
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert json.loads(call.arguments).keys() == {"city"}

    result = {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny"}
    second = client.responses.create(
        model="smollm2", input=[*asked, call.to_dict(), result], max_output_tokens=30, temperature=0
    )
    assert second.output_text


def test_what_responses_cannot_do_is_said(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="responses are not stored"):
        client.responses.create(model="smollm2", input="Go on.", previous_response_id="resp_1")
    with pytest.raises(openai.BadRequestError, match="only functions are"):
        client.responses.create(model="smollm2", input="Search.", tools=[{"type": "web_search"}])


def test_texts_are_ordered_by_how_well_they_answer(server: ServerProcess) -> None:
    documents = [
        "Coffee is free.",
        "図書館は月曜日に休館します。",
        {"text": "The Tokyo office opens at nine in the morning."},
        "Tokyo has many offices.",
    ]
    body = {"query": "When does the Tokyo office open?", "documents": documents, "return_documents": True}
    response = httpx.post(f"{server.base_url}/v1/rerank", json=body, timeout=60)

    results = response.json()["results"]
    assert results[0]["index"] == 2
    assert results[0]["document"]["text"].startswith("The Tokyo office opens")
    scores = [result["relevance_score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert len(results) == 4
    assert all(0 <= score <= 1 for score in scores)

    japanese = {**body, "query": "図書館の休館日は？", "top_n": 1}
    assert [one["index"] for one in httpx.post(f"{server.base_url}/v1/rerank", json=japanese).json()["results"]] == [1]
    for wrong in ({"documents": []}, {"query": " "}, {"top_n": 0}, {"model": "nobody"}, {"documents": 3}):
        refused = httpx.post(f"{server.base_url}/v1/rerank", json={**body, **wrong})
        assert refused.status_code == 400, wrong


def test_a_stored_prompt_and_a_conversation(client: openai.OpenAI, server: ServerProcess) -> None:
    body = {"text": "You work for {{company}}.", "labels": ["production"]}
    httpx.post(f"{server.base_url}/api/v1/prompts/clerk/versions", json=body).raise_for_status()
    named = {"id": "clerk", "version": "1", "variables": {"company": "Example Ltd"}}

    first = client.responses.create(
        model="extractive/collection/docs",
        input="When does the Tokyo office open?",
        prompt=named,  # type: ignore[arg-type]  # the client's own shape, as a dict
        extra_body={"conversation": "new"},
    )
    assert "opens at nine" in first.output_text
    assert first.model_extra is not None
    assert first.model_extra["ryorin"]["prompt"] == {"name": "clerk", "version": 1}
    assert first.conversation is not None

    raw = client.chat.completions.with_raw_response.create(
        model="extractive/collection/docs",
        messages=question("Is coffee free?"),
        extra_body={"ryorin": {"conversation": first.conversation.id}},
    )
    told = raw.parse().model_extra["ryorin"]["conversation"]  # type: ignore[index]  # ours
    assert (told["messages"], told["shown"]) == (4, 2)
    assert raw.headers["server-timing"].startswith("wait;dur=")
    kept = httpx.get(f"{server.base_url}/api/v1/conversations/{first.conversation.id}").json()
    assert [one["role"] for one in kept["messages"]] == ["user", "assistant"] * 2
    with pytest.raises(openai.NotFoundError, match="there is no prompt 'nobody'"):
        client.responses.create(model="extractive", input="Hi", prompt={"id": "nobody"})
    with pytest.raises(openai.BadRequestError, match="missing: company"):
        client.responses.create(model="extractive", input="Hi", prompt={"id": "clerk"})
