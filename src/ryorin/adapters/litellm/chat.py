"""Chat completions of any provider that LiteLLM knows (Anthropic, Gemini, Bedrock, Mistral and a hundred others)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from ryorin.contexts.answers.domain.chat_format import (
    calls_of,
    estimated_tokens,
    message_of,
    response_format,
    tool_fields,
    usage_of,
)
from ryorin.contexts.answers.errors import ModelLimited, ModelMisconfigured, ModelRejected, ModelUnavailable
from ryorin.contexts.answers.read.ports import ChatDelta, ChatRequest


class LiteLlmChatModel:
    """The `ChatModel` port: one try at a call. LiteLLM is imported at the first use, since that takes seconds."""

    def __init__(
        self, alias: str, model: str, base_url: str | None, api_key: Callable[[], str | None], context_tokens: int
    ) -> None:
        self._alias = alias
        self._model = model
        self._base_url = base_url
        self._api_key = api_key
        self._context_tokens = context_tokens

    @property
    def identity(self) -> str:
        """LiteLLM's name for the model, and where it is asked for."""
        return f"litellm {self._base_url or ''} {self._model}"

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together, as configured."""
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """An estimate on the safe side."""
        return estimated_tokens(text)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer as it is made; raises ModelUnavailable or ModelRejected."""
        if request.adapter:
            raise ModelRejected(f"model {self._alias!r} is reached through LiteLLM and takes no adapters")
        litellm = await _imported()
        chunks: Any = None
        try:
            async with asyncio.timeout(request.timeout_seconds):
                chunks = await litellm.acompletion(**self._arguments(request))
                async for chunk in chunks:
                    yield _delta(chunk.model_dump())
        except TimeoutError as error:
            raise ModelUnavailable(
                f"model {self._alias!r} did not finish within {request.timeout_seconds:g} s"
            ) from error
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except Exception as error:  # LiteLLM raises errors of every provider's own making
            raise self._known(litellm, error) from error
        finally:
            if chunks is not None:
                with suppress(Exception):  # what was cut off has nothing more to say
                    await chunks.aclose()

    def _known(self, litellm: Any, error: Exception) -> ModelUnavailable | ModelRejected:
        said = f"model {self._alias!r}: {type(error).__name__}"
        if isinstance(error, litellm.RateLimitError):
            return ModelLimited(said)
        if isinstance(error, (litellm.AuthenticationError, litellm.PermissionDeniedError, litellm.NotFoundError)):
            return ModelMisconfigured(f"{said}; check its secret and its name")
        if isinstance(error, (litellm.BadRequestError, litellm.UnprocessableEntityError)):
            key, told = self._api_key(), str(error)
            # some providers quote the key that they refuse
            return ModelRejected(f"{said}: {(told.replace(key, '[key]') if key else told)[:300]}")
        return ModelUnavailable(said)

    def _arguments(self, request: ChatRequest) -> dict[str, Any]:
        sampling = request.sampling
        optional = {
            "api_key": self._api_key(),
            "api_base": self._base_url,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop) or None,
            "seed": sampling.seed,
            "response_format": response_format(request.form),
            **tool_fields(request.tools),
        }
        return {
            "model": self._model,
            "messages": [message_of(message) for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            # whether there is another try is decided where the other providers are known
            "num_retries": 0,
            "max_retries": 0,
            "timeout": request.timeout_seconds,
            "drop_params": True,
            **{name: value for name, value in optional.items() if value is not None},
        }


async def _imported() -> Any:
    # or the import asks the network for newer prices
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        litellm: Any = await asyncio.to_thread(import_module, "litellm")
    except ImportError as error:
        raise ModelMisconfigured("LiteLLM is not installed: pip install 'ryorin[providers]'") from error
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm


def _delta(chunk: dict[str, Any]) -> ChatDelta:
    usage = chunk.get("usage")
    counted = usage_of(usage) if usage else None
    choices = chunk.get("choices") or []
    if not choices:
        return ChatDelta("", None, counted)
    delta = choices[0].get("delta") or {}
    return ChatDelta(
        delta.get("content") or "", choices[0].get("finish_reason"), counted, calls_of(delta.get("tool_calls"))
    )
