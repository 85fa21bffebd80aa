"""The `Tagger` port: TextBlob's tagger for English (that of Pattern; Brill, 1992), Sudachi for Japanese.

Each brings its dictionary in its package, so nothing is loaded from elsewhere; both are imported when they are first
needed, for most servers measure no style.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from ryorin.contexts.evaluation.specs import Language

BEGIN = "^"
# the Treebank's way: "does n't", "it 's"
WORD_EN = re.compile(
    r"[A-Za-z]+(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|[^\W\d_]+(?:-[^\W\d_]+)*|\d(?:[\d.,]*\d)?|[^\w\s]", re.IGNORECASE
)
SENTENCE_EN = re.compile(r"(?<=[.!?])\s+|\n+")
SENTENCE_JA = re.compile(r"(?<=[。！？])|\n+")
SPACE = "空白"
# what is inflected is told apart by its form: 連用形, 終止形, ...
INFLECTED = frozenset(("動詞", "形容詞", "助動詞"))
# Sudachi takes 49,149 bytes at once
LONGEST = 10_000


class PartsOfSpeech:
    """Tags of the Penn Treebank for English, of UniDic with the form of what is inflected for Japanese."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def tags(self, text: str, language: Language) -> Sequence[str]:
        """A tag for each word and sign in order; `^` stands where a sentence begins."""
        storable = text.encode("utf-8", "replace").decode("utf-8")
        with self._lock:  # Sudachi's tokenizer refuses to be used twice at once
            return tuple(self._japanese(storable) if language == "ja" else self._english(storable))

    def _english(self, text: str) -> Iterator[str]:
        for sentence in SENTENCE_EN.split(text.replace("’", "'")):
            words = WORD_EN.findall(sentence)
            if words:
                yield BEGIN
                yield from (tag for _, tag in self._pattern(" ".join(words), tokenize=False))

    def _japanese(self, text: str) -> Iterator[str]:
        for sentence in SENTENCE_JA.split(text):
            if not sentence.strip():
                continue
            yield BEGIN
            for start in range(0, len(sentence), LONGEST):
                for word in self._sudachi.tokenize(sentence[start : start + LONGEST]):
                    kind, kept, _, _, _, form = word.part_of_speech()
                    if kind != SPACE:
                        parts = kind, kept, form.split("-")[0] if kind in INFLECTED else "*"
                        yield "-".join(part for part in parts if part != "*")

    @cached_property
    def _pattern(self) -> Any:
        from textblob.en import tag  # noqa: PLC0415 - a third of a second and 60 MB

        return tag

    @cached_property
    def _sudachi(self) -> Any:
        from sudachipy import Dictionary, SplitMode  # noqa: PLC0415 - its dictionary is mapped

        return Dictionary(dict="small").tokenizer(mode=SplitMode.A)
