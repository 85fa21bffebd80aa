"""What a gating network sees of a question: its vector, its language and its length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# share of kana, share of kanji, share of Latin letters, logarithm of the length
EXTRA = 4
KANA, KANJI = (0x3040, 0x30FF), (0x4E00, 0x9FFF)


def features(vectors: Floats, texts: Sequence[str]) -> Floats:
    """Rows for the network: (texts, dimensions + EXTRA)."""
    seen = np.array([_seen(text) for text in texts], dtype=np.float32).reshape(len(texts), EXTRA)
    return np.concatenate([np.asarray(vectors, dtype=np.float32), seen], axis=1)


def _seen(text: str) -> tuple[float, float, float, float]:
    length = max(1, len(text))
    kana = sum(KANA[0] <= ord(character) <= KANA[1] for character in text)
    kanji = sum(KANJI[0] <= ord(character) <= KANJI[1] for character in text)
    latin = sum(character.isascii() and character.isalpha() for character in text)
    return kana / length, kanji / length, latin / length, float(np.log(length))
