"""LiteLLM's adapters on a module that behaves as LiteLLM does: the real one is an extra that is not installed here."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from ryorin.adapters.litellm.chat import LiteLlmChatModel
from ryorin.adapters.litellm.prices import LiteLlmPrices
from ryorin.contexts.answers.errors import ModelLimited, ModelMisconfigured, ModelRejected, ModelUnavailable
from ryorin.contexts.answers.queries import ChatMessage, SamplingOptions, Usage
from ryorin.contexts.answers.read.ports import ChatDelta, ChatRequest
from ryorin.contexts.answers.tools import Tool, ToolUse
from ryorin.contexts.gateway.catalogue import PriceTable

ERRORS = (
    "RateLimitError",
    "AuthenticationError",
    "PermissionDeniedError",
    "NotFoundError",
    "BadRequestError",
    "UnprocessableEntityError",
    "InternalServerError",
)


@pytest.fixture
def litellm(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the adapters use of it; `said` are chunks or an exception, `asked` what it was called with."""
    module = SimpleNamespace(said=[], asked=[], **{name: type(name, (Exception,), {}) for name in ERRORS})

    async def acompletion(**arguments: Any) -> AsyncIterator[Any]:
        module.asked.append(arguments)
        if isinstance(module.said, Exception):
            raise module.said

        async def chunks() -> AsyncIterator[Any]:
            for chunk in module.said:
                yield SimpleNamespace(model_dump=lambda chunk=chunk: chunk)

        return chunks()

    module.acompletion = acompletion
    module.model_cost = {
        "vendor/big": {
            "input_cost_per_token": 3e-06,
            "output_cost_per_token": 1.5e-05,
            "cache_read_input_token_cost": 3e-07,
        },
        "vendor/unpriced": {"mode": "chat"},
    }
    monkeypatch.setitem(sys.modules, "litellm", module)  # type: ignore[arg-type]  # a stand-in for a module
    return module


async def collect(request: ChatRequest) -> list[ChatDelta]:
    model = LiteLlmChatModel("big", "vendor/big", None, lambda: "sk-1", 8192)
    async with aclosing(model.stream(request)) as deltas:
        return [delta async for delta in deltas]


def question(**more: Any) -> ChatRequest:
    return ChatRequest((ChatMessage("user", "Hi"),), SamplingOptions(max_tokens=5), 10, **more)


async def test_a_call_says_what_was_asked_and_reads_what_comes(litellm: SimpleNamespace) -> None:
    call = {"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": "{}"}}
    litellm.said = [
        {"choices": [{"delta": {"content": "He"}, "finish_reason": None}]},
        {"choices": [{"delta": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}},
    ]

    deltas = await collect(question(tools=ToolUse((Tool("weather"),), "required")))

    assert [delta.text for delta in deltas] == ["He", "", ""]
    assert deltas[1].calls[0].name == "weather"
    assert deltas[1].finish_reason == "tool_calls"
    assert deltas[2].usage == Usage(7, 2)
    (asked,) = litellm.asked
    assert (asked["model"], asked["api_key"], asked["max_tokens"]) == ("vendor/big", "sk-1", 5)
    assert (asked["num_retries"], asked["stream"], asked["tool_choice"]) == (0, True, "required")
    assert "api_base" not in asked


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("RateLimitError", ModelLimited),
        ("AuthenticationError", ModelMisconfigured),
        ("NotFoundError", ModelMisconfigured),
        ("BadRequestError", ModelRejected),
        ("InternalServerError", ModelUnavailable),
    ],
)
async def test_errors_of_every_making_are_ours(litellm: SimpleNamespace, name: str, error: type[Exception]) -> None:
    litellm.said = getattr(litellm, name)("sk-1 was refused")

    with pytest.raises(error) as raised:
        await collect(question())
    assert error is ModelRejected or "sk-1" not in str(raised.value)


async def test_prices_are_for_a_million_tokens(litellm: SimpleNamespace) -> None:
    prices = LiteLlmPrices()

    assert await prices.price("vendor/big") == PriceTable(input=3, output=15, cached_read=0.3)
    assert await prices.price("vendor/unpriced") is None
    assert await prices.price("nobody/knows") is None


async def test_without_litellm_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litellm", None)  # type: ignore[arg-type]  # makes the import fail

    assert await LiteLlmPrices().price("vendor/big") is None
    with pytest.raises(ModelMisconfigured, match="pip install"):
        await collect(question())
