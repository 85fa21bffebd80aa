"""Streams chat completions from an OpenAI-compatible server, with timeouts and clear errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector

from ryorin.adapters.openai_http.limits import remaining_limits
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

CONNECT_SECONDS = 5.0
# for the end of a stream that has said it is done
DRAIN_SECONDS = 0.2
# a line of an event stream that is longer is none (bytes)
MAX_LINE = 4 * 1024 * 1024
RETRYABLE = frozenset({408, 409, 429, 500, 502, 503, 504})


def model_session() -> ClientSession:
    """Connections to model servers, kept open between calls; as many as there are calls."""
    return ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
    )


class OpenAIHttpChatModel:
    """The `ChatModel` port: one try at a call. Whether there is another is decided where the others are known."""

    def __init__(
        self,
        alias: str,
        base_url: str,
        model: str,
        api_key: Callable[[], str | None],
        context_tokens: int,
        session: ClientSession,
    ) -> None:
        self._alias = alias
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._model = model
        self._api_key = api_key
        self._context_tokens = context_tokens
        self._session = session
        self._proxy = _proxy(self._url)

    @property
    def identity(self) -> str:
        """The server's address and its name for the model."""
        return f"openai_http {self._url} {self._model}"

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together, as configured."""
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """An estimate on the safe side."""
        return estimated_tokens(text)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer as it is made; raises ModelUnavailable or ModelRejected."""
        try:
            async with asyncio.timeout(request.timeout_seconds):
                async with aclosing(self._answer(request)) as deltas:
                    async for delta in deltas:
                        yield delta
        except ClientError as error:
            raise self._unreachable(error) from error
        except TimeoutError as error:
            raise ModelUnavailable(
                f"model {self._alias!r} did not finish within {request.timeout_seconds:g} s"
            ) from error
        except OSError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> ModelUnavailable:
        return ModelUnavailable(
            f"model {self._alias!r} at {self._url} cannot be reached ({type(error).__name__}); is it running?"
        )

    async def _answer(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        body = json.dumps(self._body(request), ensure_ascii=False).encode()
        key = self._api_key()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        async with self._session.post(
            self._url, data=body, headers=headers, allow_redirects=False, proxy=self._proxy
        ) as response:
            await self._check(response, key)
            left = remaining_limits(response.headers)
            if _is_whole(response):
                yield replace(_whole(await response.read()), remaining=left)
                return
            async with aclosing(_deltas(response)) as deltas:
                async for delta in deltas:
                    yield delta if left is None else replace(delta, remaining=left)
                    left = None

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        sampling = request.sampling
        optional = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop) or None,
            "seed": sampling.seed,
            "response_format": response_format(request.form),
            **tool_fields(request.tools),
        }
        return {
            # servers of adapters (vLLM, SGLang, LoRAX) know each as a model
            "model": request.adapter or self._model,
            "messages": [message_of(message) for message in request.messages],
            **({"stream": False} if request.whole else {"stream": True, "stream_options": {"include_usage": True}}),
            **{name: value for name, value in optional.items() if value is not None},
        }

    async def _check(self, response: ClientResponse, key: str | None) -> None:
        if 200 <= response.status < 300:  # noqa: PLR2004
            return
        said = (await response.read()).decode("utf-8", "replace")
        # some quote the key that they refuse
        detail = (said.replace(key, "[key]") if key else said)[:300]
        status = response.status
        if status in (401, 403):
            raise ModelMisconfigured(f"model {self._alias!r} refuses our credential (HTTP {status}); check its api_key")
        if status == 404:  # noqa: PLR2004
            raise ModelMisconfigured(f"model {self._alias!r}: {self._url} does not know {self._model!r} (HTTP 404)")
        if status == 429:  # noqa: PLR2004
            raise ModelLimited(f"model {self._alias!r} has too many requests (HTTP 429): {detail}", _pause(response))
        if status in RETRYABLE:
            raise ModelUnavailable(f"model {self._alias!r} is overloaded or broken (HTTP {status}): {detail}")
        raise ModelRejected(f"model {self._alias!r} refused the request (HTTP {status}): {detail}")


def _proxy(url: str) -> str | None:
    """The environment's proxy for a server; looked up once, for aiohttp would do it in a thread for every call."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _pause(response: ClientResponse) -> float | None:
    """Seconds that the server asks for (RFC 9110 section 10.2.3); dates are not looked at."""
    told = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        return None


def _is_whole(response: ClientResponse) -> bool:
    return response.headers.get("content-type", "").startswith("application/json")


def _whole(body: bytes) -> ChatDelta:
    """A completion that came in one piece; raises ModelUnavailable when it is none."""
    try:
        completion = json.loads(body)
        choice, usage = completion["choices"][0], completion.get("usage")
        message, reason = choice["message"], choice.get("finish_reason") or "stop"
        counted = usage_of(usage) if usage else None
        return ChatDelta(message.get("content") or "", reason, counted, calls_of(message.get("tool_calls")))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ModelUnavailable(f"the model's answer is no chat completion: {body[:200]!r}") from error


async def _deltas(response: ClientResponse) -> AsyncGenerator[ChatDelta, None]:
    """Deltas of a server-sent event stream; lines that are no JSON (keep-alives, noise) are passed over."""
    finished = False
    lines = _lines(response)
    async for line in lines:
        payload = line.removeprefix("data:").strip()
        if not line.startswith("data:") or not payload:
            continue
        if payload == "[DONE]":
            await _drained(lines)
            return
        try:
            chunk = json.loads(payload)
            if "error" in chunk and not chunk.get("choices"):
                raise ModelUnavailable(f"the model broke off: {str(chunk['error'])[:300]}")
            delta = _delta(chunk)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        finished = finished or delta.finish_reason is not None
        yield delta
    if not finished:
        raise ModelUnavailable("the model's stream ended in the middle of its answer")


async def _lines(response: ClientResponse) -> AsyncIterator[str]:
    """Lines of a response as they come; raises ModelUnavailable for one without an end."""
    rest = b""
    async for data in response.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
        if len(rest) > MAX_LINE:
            raise ModelUnavailable(f"the model's stream has a line of more than {MAX_LINE} bytes")
    if rest:
        yield rest.decode("utf-8", "replace")


async def _drained(lines: AsyncIterator[str]) -> None:
    """Read what may still come, which is nothing: only a response that was read to its end leaves its connection."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in lines:
                pass


def _delta(chunk: Mapping[str, Any]) -> ChatDelta:
    usage = chunk.get("usage")
    counted = usage_of(usage) if usage else None
    choices = chunk.get("choices") or []
    if not choices:
        return ChatDelta("", None, counted)
    delta = choices[0].get("delta") or {}
    calls = calls_of(delta.get("tool_calls"))
    return ChatDelta(delta.get("content") or "", choices[0].get("finish_reason"), counted, calls)
