"""Words for lexical search in Japanese and English, and BM25 weights that never need recomputing.

A chunk's weight for a term is BM25's impact without idf (Robertson and Zaragoza, "The Probabilistic
Relevance Framework", 2009) against a fixed reference length; idf comes with the query. The score is
then one inner product of sparse vectors (ADR-0003).
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# of the values tried on the dev halves these lost least in both languages (benchmarks/quality.py)
K1 = 0.7
B = 0.75
# terms of a chunk of the target size; only the ratio of lengths matters
REFERENCE_LENGTH = 150.0
# how often a term of the headings above a chunk counts
HEADING_BOOST = 1
# pgvector's bound on entries of a sparsevec
MAX_TERMS = 16_000
TERM_SPACE = 999_999_999
# a term in more than this share of chunks cannot tell them apart
COMMON_SHARE = 0.15
MIN_CANDIDATE_TERMS = 3
# chunks that are scored for a query: with 3,000 of 19,000 the best fifty were the same but for one in a thousand, and
# the slowest searches took a third of the time; with 800 one in fifteen was missed
CANDIDATE_CHUNKS = 3000

_RUNS = re.compile(r"[\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+|\w+")
_CJK = re.compile(r"[\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_CJK_SPLIT = re.compile(r"([\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class LexicalVector:
    """Sorted distinct term ids and a weight for each."""

    ids: NDArray[np.int32]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """How many chunks there are, and how many of them hold each term id."""

    document_count: int = 0
    frequencies: Mapping[int, int] = field(default_factory=dict)

    def idf(self, term: int) -> float:
        """BM25's idf, never negative; without statistics all terms weigh the same."""
        if self.document_count == 0:
            return 1.0
        frequency = self.frequencies.get(term, 0)
        return math.log1p((self.document_count - frequency + 0.5) / (frequency + 0.5))


def analyse(text: str) -> list[str]:
    """The terms of a text in order: bigrams of Japanese runs, stemmed words, parts of identifiers."""
    terms: list[str] = []
    for run in _RUNS.findall(unicodedata.normalize("NFKC", text)):
        for piece in _CJK_SPLIT.split(run):
            if piece:
                terms.extend(_bigrams(piece) if _CJK.match(piece) else _words(piece))
    return terms


def _bigrams(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _words(run: str) -> list[str]:
    whole = _stem(run.casefold())
    parts = [_stem(part.casefold()) for part in _PARTS.findall(run)]
    return [whole, *parts] if len(parts) > 1 else [whole]


def _stem(word: str) -> str:
    """Harman's S-stemmer ("How effective is suffixing?", JASIS 1991): plural and singular meet."""
    if len(word) <= 3 or not word.endswith("s"):  # noqa: PLR2004 - short words carry no ending
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]


@lru_cache(maxsize=200_000)
def term_id(term: str) -> int:
    """A stable number from 1 for a term; two terms of a vocabulary hardly ever meet."""
    digest = hashlib.blake2b(term.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % TERM_SPACE + 1


def chunk_weights(text: str, heading: str) -> LexicalVector:
    """A chunk's terms and BM25 impacts; terms of the headings above it count too."""
    counts = Counter(analyse(text))
    length = sum(counts.values())
    for term in analyse(heading):
        counts[term] += HEADING_BOOST
    norm = K1 * (1 - B + B * length / REFERENCE_LENGTH)
    return _vector({term_id(term): tf * (K1 + 1) / (tf + norm) for term, tf in counts.most_common(MAX_TERMS)})


def query_weights(text: str, statistics: TermStatistics) -> LexicalVector:
    """A query's terms, each weighing its idf for every time it is said."""
    counts = Counter(map(term_id, analyse(text)))
    return _vector({term: count * statistics.idf(term) for term, count in counts.most_common(MAX_TERMS)})


def query_term_ids(text: str) -> list[int]:
    """The ids of a query's terms, to ask for their statistics."""
    return sorted({term_id(term) for term in analyse(text)})


def candidate_terms(
    query: LexicalVector, statistics: TermStatistics, most_chunks: float = CANDIDATE_CHUNKS
) -> list[int]:
    """The terms that a chunk must hold one of to be scored: the common ones find too much and tell nothing.

    The weightiest come first, and those are passed over that would make it too many chunks.
    """
    ranked = [term for _, term in sorted(zip(query.weights.tolist(), query.ids.tolist(), strict=True), reverse=True)]
    bound = COMMON_SHARE * statistics.document_count
    telling = [term for term in ranked if statistics.frequencies.get(term, 0) <= bound]
    if len(telling) < min(MIN_CANDIDATE_TERMS, len(ranked)):
        return ranked[:MIN_CANDIDATE_TERMS]
    chosen = telling[:MIN_CANDIDATE_TERMS]
    chunks = sum(statistics.frequencies.get(term, 0) for term in chosen)
    for term in telling[MIN_CANDIDATE_TERMS:]:
        found = statistics.frequencies.get(term, 0)
        if chunks + found <= most_chunks:
            chosen.append(term)
            chunks += found
    return chosen


def _vector(weights: Mapping[int, float]) -> LexicalVector:
    ids = sorted(weights)
    return LexicalVector(np.array(ids, dtype=np.int32), np.array([weights[term] for term in ids], dtype=np.float32))
