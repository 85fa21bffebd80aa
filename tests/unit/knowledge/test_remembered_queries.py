from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.read.remembered_queries import RememberedQueries


class Lengths:
    """An engine whose vectors are a text's length and its first letter."""

    model_id, dimensions, centre = "lengths", 2, None

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(list(texts))
        return np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float32)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise AssertionError("questions are not passages")

    def count_tokens(self, text: str) -> int:
        return 1


def test_only_what_is_new_is_embedded_in_one_call_and_the_order_is_kept() -> None:
    engine = Lengths()
    remembered = RememberedQueries(engine, 10)

    remembered.embed_queries(["aa", "b"])
    vectors = remembered.embed_queries(["ccc", "b", "aa", "ccc"])

    assert engine.calls == [["aa", "b"], ["ccc"]]
    assert vectors.tolist() == [[3, 99], [1, 98], [2, 97], [3, 99]]


def test_more_wordings_than_are_kept_are_all_embedded() -> None:
    vectors = RememberedQueries(Lengths(), 1).embed_queries(["a", "bb", "ccc"])

    assert vectors[:, 0].tolist() == [1, 2, 3]
