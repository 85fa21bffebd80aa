"""Vectors as bytes, to find the few of many pairs whose inner product may be beyond a bound (ADR-0010)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# unsigned bytes go from 1 to 255 and stand for -127 to 127
OFFSET, LARGEST = 128, 127
# signed bytes go to half as much: processors without VNNI add two products in 16 bits, where more would be cut off
SAFE_SIGNED = 64
# what single precision may take from a bound, in products of bytes
ROUNDING = 2


class ByteProducts(Protocol):
    """Exact inner products of bytes, the signed ones of which go from `-largest` to `largest`."""

    @property
    def largest(self) -> int: ...

    def __call__(self, left: NDArray[np.uint8], right: NDArray[np.int8]) -> NDArray[np.int32]:
        """(rows, dimensions) less OFFSET, times (dimensions, columns)."""
        ...


class NumpyProducts:
    """Without help from the processor: for tests."""

    largest = LARGEST

    def __call__(self, left: NDArray[np.uint8], right: NDArray[np.int8]) -> NDArray[np.int32]:
        """By numpy."""
        products: NDArray[np.int32] = (left.astype(np.int32) - OFFSET) @ right.astype(np.int32)
        return products


def exact(products: Callable[[NDArray[np.uint8], NDArray[np.int8]], NDArray[np.int32]]) -> bool:
    """Whether products of the largest bytes are right, so that none of smaller ones can be wrong."""
    left, right = np.full((1, 64), 255, dtype=np.uint8), np.full((64, 1), LARGEST, dtype=np.int8)
    most = 64 * LARGEST * LARGEST
    return int(products(left, right)[0, 0]) == most and int(products(left, -right)[0, 0]) == -most


@dataclass(frozen=True, slots=True)
class Rows:
    """Vectors as bytes (rows, dimensions), times a scale for each; what is lost of each, and its length."""

    cells: NDArray[np.uint8]
    scales: Floats
    lost: Floats
    lengths: Floats


def rounded(vectors: Floats) -> Rows:
    """The bytes nearest to vectors (rows, dimensions)."""
    scales = np.maximum(np.abs(vectors).max(axis=1, initial=0.0), np.float32(1e-30)) / np.float32(LARGEST)
    cells = np.rint(vectors / scales[:, np.newaxis])
    lost = np.linalg.norm(vectors - cells * scales[:, np.newaxis], axis=1)
    return Rows((cells + OFFSET).astype(np.uint8), scales, lost, np.linalg.norm(vectors, axis=1))


@dataclass(frozen=True, slots=True)
class Against:
    """Vectors that rows are compared with, as bytes (dimensions, columns) of one scale."""

    cells: NDArray[np.int8]
    scale: np.float32
    lost: np.float32
    length: np.float32


def against(vectors: Floats, largest: int) -> Against:
    """Make vectors (columns, dimensions) ready for `beyond`, as signed bytes up to `largest`."""
    scale = np.maximum(np.abs(vectors).max(initial=0.0), np.float32(1e-30)) / np.float32(largest)
    cells = np.rint(vectors / scale)
    return Against(
        cells=np.ascontiguousarray(cells.T.astype(np.int8)),
        scale=scale,
        lost=np.linalg.norm(vectors - cells * scale, axis=1).max(),
        length=np.linalg.norm(cells * scale, axis=1).max(),
    )


def beyond(
    rows: Rows, others: Against, floors: Floats, products: ByteProducts
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair (row, column) whose inner product is greater than the row's floor, and a few that are not.

    By Cauchy and Schwarz, what rounding took from an inner product is at most what it took from one vector times the
    length of the other, for both.
    """
    slack = others.length * rows.lost + others.lost * rows.lengths
    least = (floors - slack).astype(np.float64) / (np.float64(others.scale) * rows.scales)
    least = np.floor(least).clip(-(2.0**30), 2.0**30) - ROUNDING
    found = products(rows.cells, others.cells)
    pairs = np.flatnonzero(found >= least.astype(np.int32)[:, np.newaxis])
    return np.divmod(pairs, found.shape[1])
