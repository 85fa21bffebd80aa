"""Comparing vectors as bytes overlooks no pair, whatever the vectors are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ryorin.adapters.onnx_e5.products import OnnxByteProducts
from ryorin.contexts.knowledge.coarse import LARGEST_SIGNED, ByteProducts, against, beyond, numpy_products, rounded

DIMENSIONS = 24
CELLS = st.floats(-1, 1, width=32, allow_subnormal=False)
ONNX = OnnxByteProducts()


@pytest.mark.parametrize("products", [numpy_products, ONNX])
@settings(max_examples=150, deadline=None)
@given(
    arrays(np.float32, (7, DIMENSIONS), elements=CELLS),
    arrays(np.float32, (5, DIMENSIONS), elements=CELLS),
    arrays(np.float32, (7,), elements=st.floats(-2, 2, width=32)),
)
def test_every_pair_beyond_its_floor_is_found(
    products: ByteProducts, rows: np.ndarray, others: np.ndarray, floors: np.ndarray
) -> None:
    found = set(zip(*(part.tolist() for part in beyond(rounded(rows), against(others), floors, products)), strict=True))

    beyond_floor = np.nonzero(rows @ others.T > floors[:, np.newaxis] + 1e-6)
    assert {*zip(*(part.tolist() for part in beyond_floor), strict=True)} <= found


def test_few_pairs_that_are_not_beyond_it_are_found() -> None:
    dice = np.random.default_rng(4)
    rows, others = (dice.normal(size=(count, 384)).astype(np.float32) for count in (2000, 100))
    rows, others = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (rows, others))
    floors = np.full(len(rows), 0.12, dtype=np.float32)

    found = len(beyond(rounded(rows), against(others), floors, ONNX)[0])

    right = int((rows @ others.T > 0.12).sum())
    # of all 200,000
    assert right < found < len(rows) * len(others) / 20


def test_products_are_exact_at_the_ends_of_what_bytes_hold() -> None:
    left = np.array([[255] * 384, [1] * 384, [128] * 384], dtype=np.uint8)
    right = np.array([[LARGEST_SIGNED] * 384, [-LARGEST_SIGNED] * 384], dtype=np.int8).T

    assert ONNX(left, np.ascontiguousarray(right)).tolist() == numpy_products(left, right).tolist()
