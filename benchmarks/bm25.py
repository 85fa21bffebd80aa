"""A plain BM25 over whole documents, the yardstick of benchmarks/quality.py: none of Ryorin's code is in it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

import numpy as np

K1 = 1.2
B = 0.75
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words."""
    return _WORD.findall(text.lower())


def bigrams(text: str) -> list[str]:
    """Bigrams of characters within runs of word characters."""
    runs = _WORD.findall(text.lower())
    return [run[at : at + 2] for run in runs for at in range(max(1, len(run) - 1))]


class PlainBm25:
    """Robertson's BM25 (k1 = 1.2, b = 0.75) over documents by name."""

    def __init__(self, documents: Mapping[str, str], tokenise: Callable[[str], list[str]]) -> None:
        self._names = list(documents)
        self._tokenise = tokenise
        counted = [Counter(tokenise(text)) for text in documents.values()]
        lengths = np.array([sum(counts.values()) for counts in counted], dtype=np.float64)
        norms = K1 * (1 - B + B * lengths / lengths.mean())
        postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, counts in enumerate(counted):
            for term, frequency in counts.items():
                postings[term].append((number, frequency * (K1 + 1) / (frequency + norms[number])))
        self._postings = {term: _columns(found, len(counted)) for term, found in postings.items()}

    def search(self, text: str, top_k: int) -> list[str]:
        """Names of the best documents, best first."""
        scores = np.zeros(len(self._names))
        for term in self._tokenise(text):
            if term in self._postings:
                numbers, weights = self._postings[term]
                scores[numbers] += weights
        best = np.argsort(-scores, kind="stable")[:top_k]
        return [self._names[number] for number in best if scores[number] > 0]


def _columns(found: list[tuple[int, float]], total: int) -> tuple[np.ndarray, np.ndarray]:
    idf = float(np.log1p((total - len(found) + 0.5) / (len(found) + 0.5)))
    return np.array([number for number, _ in found]), np.array([weight for _, weight in found]) * idf
