from __future__ import annotations

import numpy as np

from ryorin.contexts.knowledge.module import centred
from tests.unit.knowledge.write_side import HashEngine


class Leaning(HashEngine):
    """An engine whose vectors all lean to one side."""

    centre = np.array([0.5] + [0.25] * 7, dtype=np.float32)


def test_centred_vectors_are_unit_vectors_and_spread_out() -> None:
    texts = [f"text {number}" for number in range(50)]
    engine = Leaning()

    before = engine.embed_passages(texts)
    after = centred(engine).embed_passages(texts)

    assert np.allclose(np.linalg.norm(after, axis=1), 1, atol=1e-5)
    assert np.median(after @ after.T) < np.median(before @ before.T) - 0.3
    assert np.allclose(after, centred(engine).embed_queries(texts))


def test_another_centre_is_another_model_id() -> None:
    engine, other = Leaning(), Leaning()
    other.centre = engine.centre * 2

    assert centred(engine).model_id.startswith("hash@1-centred-")
    assert centred(engine).model_id != centred(other).model_id


def test_an_engine_without_a_centre_is_used_as_it_is() -> None:
    engine = HashEngine()

    assert centred(engine) is engine
