"""The default embedding engine: converts the bundled weights once, then runs them on ONNX Runtime."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ryorin.adapters.onnx_e5.graph import GRAPH_VERSION, build_graph
from ryorin.adapters.onnx_e5.tokenizer import E5Tokenizer
from ryorin.adapters.onnx_e5.weights import ModelFile, bundled_model

# tokens, padding included, that go through the network at once: the caches hold them (ADR-0004)
BATCH_TOKENS = 2_048
# made by scripts/centre.py
CENTRE = Path(__file__).with_name("centre.npy")


@dataclass(frozen=True, slots=True)
class _Window:
    """At most 510 tokens of one text, between <s> and </s>."""

    text: int
    ids: list[int]


class OnnxE5Engine:
    """The `EmbeddingEngine` port: 384 dimensions, INT8; queries have a session and threads of their own."""

    def __init__(self, cache_dir: Path, threads: int = 2) -> None:
        source = bundled_model()
        file = ModelFile(source)
        self._vocabulary = file.vocabulary
        self._architecture = file.architecture
        self._tokenizer = E5Tokenizer(file.vocabulary)
        path = _converted(file, source, cache_dir)
        self._passages = _session(path, threads)
        self._queries = _session(path, threads)
        self._centre = load_centre()

    @property
    def model_id(self) -> str:
        """Name and revision of the vectors."""
        return f"multilingual-e5-small-int8@{GRAPH_VERSION}"

    @property
    def dimensions(self) -> int:
        """Entries of a vector."""
        return self._architecture.hidden

    @property
    def centre(self) -> NDArray[np.float32] | None:
        """The mean of the model's passage vectors over general text."""
        return self._centre

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, 384) of questions."""
        return self._embed(self._queries, [f"query: {text}" for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, 384) of texts to be found; longer than 510 tokens: the mean over windows."""
        return self._embed(self._passages, [f"passage: {text}" for text in texts])

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, without markers and prefix."""
        return len(self._tokenizer.encode([text])[0])

    def _embed(self, session: onnxruntime.InferenceSession, texts: Sequence[str]) -> NDArray[np.float32]:
        sums = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for batch in _batches(self._windows(texts)):
            means = self._run(session, batch)
            for window, mean in zip(batch, means, strict=True):
                sums[window.text] += max(1, len(window.ids) - 2) * mean
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        vectors: NDArray[np.float32] = sums / np.maximum(norms, 1e-12)
        return vectors

    def _windows(self, texts: Sequence[str]) -> list[_Window]:
        size, bos, eos = self._architecture.positions - 2, self._vocabulary.bos, self._vocabulary.eos
        return [
            _Window(number, [bos, *ids[start : start + size], eos])
            for number, ids in enumerate(self._tokenizer.encode(texts))
            for start in range(0, max(1, len(ids)), size)
        ]

    def _run(self, session: onnxruntime.InferenceSession, batch: Sequence[_Window]) -> NDArray[np.float32]:
        longest = max(len(window.ids) for window in batch)
        ids = np.ones((len(batch), longest), dtype=np.int64)
        mask = np.zeros((len(batch), longest), dtype=np.int32)
        for row, window in enumerate(batch):
            ids[row, : len(window.ids)] = window.ids
            mask[row, : len(window.ids)] = 1
        means: NDArray[np.float32] = session.run(["means"], {"ids": ids, "mask": mask})[0]
        return means


def load_centre() -> NDArray[np.float32]:
    """The centre of multilingual-e5-small's vectors (384), whichever engine computes them."""
    centre: NDArray[np.float32] = np.load(CENTRE).astype(np.float32)
    return centre


def _batches(windows: Sequence[_Window]) -> list[list[_Window]]:
    """Windows of like length together, so that little is spent on padding."""
    batches: list[list[_Window]] = []
    for window in sorted(windows, key=lambda window: -len(window.ids)):
        if batches and (len(batches[-1]) + 1) * len(batches[-1][0].ids) <= BATCH_TOKENS:
            batches[-1].append(window)
        else:
            batches.append([window])
    return batches


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # idle threads must sleep: they share the cores with PostgreSQL and the event loop
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _converted(file: ModelFile, source: Path, cache_dir: Path) -> Path:
    """The converted model in the cache; written once, whole or not at all."""
    target = cache_dir / f"{source.stem}-{source.stat().st_size}-v{GRAPH_VERSION}.onnx"
    if target.exists():
        return target
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache_dir, suffix=".part", delete=False) as part:
        part.write(build_graph(file).SerializeToString())
        part.flush()
        os.fsync(part.fileno())
    Path(part.name).rename(target)
    return target
