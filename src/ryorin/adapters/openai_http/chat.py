"""Streams chat completions from an OpenAI-compatible server, with timeouts and clear errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector

from ryorin.contexts.answers.errors import ModelRejected, ModelUnavailable
from ryorin.contexts.answers.queries import Usage
from ryorin.contexts.answers.read.ports import ChatDelta, ChatRequest

CONNECT_SECONDS = 5.0
RETRIES = 2
MAX_PAUSE_SECONDS = 5.0
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
    """The `ChatModel` port; retries only before the first byte of an answer."""

    def __init__(
        self,
        alias: str,
        base_url: str,
        model: str,
        api_key: str | None,
        context_tokens: int,
        session: ClientSession,
    ) -> None:
        self._alias = alias
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._model = model
        credential = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._headers = {"Content-Type": "application/json", **credential}
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
        """An estimate on the safe side: a token for three Latin letters or one Japanese character."""
        wide = sum(ord(character) > 0x2E7F for character in text)  # noqa: PLR2004 - where CJK begins
        return wide + (len(text) - wide) // 3 + 1

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer as it is made; raises ModelUnavailable or ModelRejected."""
        try:
            async with asyncio.timeout(request.timeout_seconds):
                async with aclosing(self._attempts(request)) as deltas:
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

    async def _attempts(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        for attempt in range(RETRIES + 1):
            body = json.dumps(self._body(request), ensure_ascii=False).encode()
            async with self._session.post(
                self._url, data=body, headers=self._headers, allow_redirects=False, proxy=self._proxy
            ) as response:
                if response.status in RETRYABLE and attempt < RETRIES:
                    await asyncio.sleep(_pause(response, attempt))
                    continue
                await self._check(response)
                if _is_whole(response):
                    yield _whole(await response.read())
                    return
                async with aclosing(_deltas(response)) as deltas:
                    async for delta in deltas:
                        yield delta
                return

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        sampling = request.sampling
        optional = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop) or None,
            "seed": sampling.seed,
            "response_format": _response_format(request),
        }
        return {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            **({"stream": False} if request.whole else {"stream": True, "stream_options": {"include_usage": True}}),
            **{name: value for name, value in optional.items() if value is not None},
        }

    async def _check(self, response: ClientResponse) -> None:
        if 200 <= response.status < 300:  # noqa: PLR2004
            return
        detail = (await response.read()).decode("utf-8", "replace")[:300]
        status = response.status
        if status in (401, 403):
            raise ModelUnavailable(f"model {self._alias!r} refuses our credential (HTTP {status}); check its api_key")
        if status == 404:  # noqa: PLR2004
            raise ModelUnavailable(f"model {self._alias!r}: {self._url} does not know {self._model!r} (HTTP 404)")
        if status in RETRYABLE:
            raise ModelUnavailable(f"model {self._alias!r} is overloaded or broken (HTTP {status}): {detail}")
        raise ModelRejected(f"model {self._alias!r} refused the request (HTTP {status}): {detail}")


def _proxy(url: str) -> str | None:
    """The environment's proxy for a server; looked up once, for aiohttp would do it in a thread for every call."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _response_format(request: ChatRequest) -> dict[str, Any] | None:
    if request.json_schema is None:
        return None
    schema = {"name": "answer", "strict": True, "schema": request.json_schema}
    return {"type": "json_schema", "json_schema": schema}


def _pause(response: ClientResponse, attempt: int) -> float:
    told = response.headers.get("retry-after", "")
    return min(MAX_PAUSE_SECONDS, float(told) if told.isdigit() else 0.5 * 2**attempt)


def _is_whole(response: ClientResponse) -> bool:
    return response.headers.get("content-type", "").startswith("application/json")


def _whole(body: bytes) -> ChatDelta:
    """A completion that came in one piece; raises ModelUnavailable when it is none."""
    try:
        completion = json.loads(body)
        choice, usage = completion["choices"][0], completion.get("usage")
        text, reason = choice["message"].get("content") or "", choice.get("finish_reason") or "stop"
        return ChatDelta(text, reason, Usage(usage["prompt_tokens"], usage["completion_tokens"]) if usage else None)
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
            delta = _delta(json.loads(payload))
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
    counted = Usage(usage["prompt_tokens"], usage["completion_tokens"]) if usage else None
    choices = chunk.get("choices") or []
    if not choices:
        return ChatDelta("", None, counted)
    return ChatDelta(choices[0].get("delta", {}).get("content") or "", choices[0].get("finish_reason"), counted)
