"""Comparing vectors as bytes overlooks no pair, whatever the vectors are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ryorin.adapters.onnx_e5.products import OnnxByteProducts
from ryorin.contexts.knowledge.coarse import (
    OFFSET,
    SAFE_SIGNED,
    ByteProducts,
    NumpyProducts,
    against,
    beyond,
    exact,
    rounded,
)

DIMENSIONS = 24
CELLS = st.floats(-1, 1, width=32, allow_subnormal=False)
ONNX, NUMPY = OnnxByteProducts(), NumpyProducts()


@pytest.mark.parametrize("products", [NUMPY, ONNX])
@settings(max_examples=150, deadline=None)
@given(
    arrays(np.float32, (7, DIMENSIONS), elements=CELLS),
    arrays(np.float32, (5, DIMENSIONS), elements=CELLS),
    arrays(np.float32, (7,), elements=st.floats(-2, 2, width=32)),
)
def test_every_pair_beyond_its_floor_is_found(
    products: ByteProducts, rows: np.ndarray, others: np.ndarray, floors: np.ndarray
) -> None:
    lists, columns = beyond(rounded(rows), against(others, products.largest), floors, products)
    found = set(zip(lists.tolist(), columns.tolist(), strict=True))

    beyond_floor = np.nonzero(rows @ others.T > floors[:, np.newaxis] + 1e-6)
    assert {*zip(*(part.tolist() for part in beyond_floor), strict=True)} <= found


def test_few_pairs_that_are_not_beyond_it_are_found() -> None:
    dice = np.random.default_rng(4)
    rows, others = (dice.normal(size=(count, 384)).astype(np.float32) for count in (2000, 100))
    rows, others = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (rows, others))
    floors = np.full(len(rows), 0.12, dtype=np.float32)

    found = len(beyond(rounded(rows), against(others, ONNX.largest), floors, ONNX)[0])

    right = int((rows @ others.T > 0.12).sum())
    # of all 200,000
    assert right < found < len(rows) * len(others) / 20


@pytest.mark.parametrize("largest", [SAFE_SIGNED, ONNX.largest])
def test_products_are_exact_at_the_ends_of_what_bytes_hold(largest: int) -> None:
    left = np.array([[255] * 384, [1] * 384, [128] * 384], dtype=np.uint8)
    right = np.ascontiguousarray(np.array([[largest] * 384, [-largest] * 384], dtype=np.int8).T)

    assert ONNX(left, right).tolist() == NUMPY(left, right).tolist()


def test_a_processor_that_cuts_sums_of_two_products_off_is_recognised() -> None:
    def cut_off(left: NDArray[np.uint8], right: NDArray[np.int8]) -> NDArray[np.int32]:
        # bytes are multiplied as they are, what the offset adds is taken off at the end
        products = left[:, :, np.newaxis].astype(np.int32) * right[np.newaxis].astype(np.int32)
        pairs = products.reshape(len(left), -1, 2, right.shape[1]).sum(axis=2)
        sums: NDArray[np.int32] = pairs.clip(-(2**15), 2**15 - 1).sum(axis=1) - OFFSET * right.sum(
            axis=0, dtype=np.int32
        )
        return sums

    assert exact(NUMPY)
    assert not exact(cut_off)
    safe = np.full((64, 1), SAFE_SIGNED, dtype=np.int8)
    assert cut_off(np.full((1, 64), 255, dtype=np.uint8), safe)[0, 0] == 64 * (255 - OFFSET) * SAFE_SIGNED
