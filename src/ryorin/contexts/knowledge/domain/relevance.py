"""How well a chunk answers a question, judged by features that need no model of language (ADR-0008).

Every feature is absolute: it depends on the question, the chunk and the collection's term statistics, never on which
other candidates there are. So an answer's context can only change when the reranked pool does (`probe.py`).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.lexical import analyse, term_id
from ryorin.contexts.knowledge.domain.sentences import split_sentences

FEATURES = ("dense", "dense_missing", "lexical", "coverage", "proximity", "adjacency")
# separates sentences among term ids, which begin at 1
BREAK = 0


@dataclass(frozen=True, slots=True)
class QuestionTerms:
    """A question as features see it: its terms in order, and what each distinct one weighs (idf)."""

    order: tuple[int, ...]
    weights: Mapping[int, float]

    @classmethod
    def of(cls, text: str, weights: Mapping[int, float]) -> QuestionTerms:
        """The terms of a text; one that `weights` does not know weighs nothing."""
        return cls(tuple(term_id(term) for term in analyse(text)), weights)

    @property
    def total(self) -> float:
        """What all terms weigh together, never 0."""
        return sum(self.weights.get(term, 0.0) for term in set(self.order)) or 1.0

    def weight(self, terms: set[int]) -> float:
        """What those of the terms weigh that are the question's."""
        return sum(self.weights.get(term, 0.0) for term in terms.intersection(self.order))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a candidate: its text and headings, its cosine and its BM25 score (None: not in that list)."""

    heading: str
    text: str
    dense: float | None
    lexical: float | None


def features(question: QuestionTerms, evidence: Evidence) -> list[float]:
    """The values of FEATURES.

    `coverage`: share of the question's terms, by idf, in text and headings; `proximity`: the same for the best single
    sentence; `adjacency`: share of its neighbouring pairs of terms that are neighbours in the text.
    """
    body = _terms_by_sentence(evidence.text)
    wanted = set(question.order)
    sentences = _sentences(body, wanted)
    everything = set().union(*sentences, _terms(evidence.heading))
    pairs = set(pairwise(question.order))
    total = question.total
    return [
        evidence.dense or 0.0,
        float(evidence.dense is None),
        (evidence.lexical or 0.0) / total,
        question.weight(everything) / total,
        max(map(question.weight, sentences), default=0.0) / total,
        _adjacency(question, pairs, body, wanted),
    ]


def _sentences(body: Sequence[int], wanted: set[int]) -> list[set[int]]:
    found: list[set[int]] = [set()]
    for term in body:
        if term == BREAK:
            found.append(set())
        elif term in wanted:
            found[-1].add(term)
    return found


def _adjacency(question: QuestionTerms, pairs: set[tuple[int, int]], body: Sequence[int], wanted: set[int]) -> float:
    if not pairs:
        return 0.0
    weigh = {pair: question.weights.get(pair[0], 0.0) + question.weights.get(pair[1], 0.0) for pair in pairs}
    total = sum(weigh.values())
    there = {pair for pair in pairwise(body) if pair[0] in wanted and pair in weigh}
    return sum(weigh[pair] for pair in there) / total if total else 0.0


# a document's chunks have few headings between them
@lru_cache(maxsize=8192)
def _terms(heading: str) -> tuple[int, ...]:
    return tuple(map(term_id, analyse(heading)))


# analysing is most of the work, and popular chunks come again and again: about 30 MB when full
@lru_cache(maxsize=8192)
def _terms_by_sentence(text: str) -> array[int]:
    terms = array("i")
    for start, end in split_sentences(text):
        terms.extend(term_id(term) for term in analyse(text[start:end]))
        terms.append(BREAK)
    return terms


@dataclass(frozen=True, slots=True)
class RelevanceModel:
    """A linear model over FEATURES; the sign of no weight may be against its meaning."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, values: Sequence[float] | NDArray[np.float64]) -> float:
        """How likely a chunk with these features answers the question, 0-1."""
        total = self.bias + sum(weight * value for weight, value in zip(self.weights, values, strict=True))
        return _logistic(total)


def with_freshness(
    judged: Mapping[int, float], updated_at: Mapping[int, datetime], weight: float, half_life_days: float
) -> dict[int, float]:
    """Probabilities with what newer documents gain: `weight` logits for the newest, halved with every half life.

    Ages count from the newest of the pool, not from now, so that a context does not change by waiting.
    """
    newest = max(updated_at.values(), default=None)
    if newest is None:
        return dict(judged)
    gains = {key: 0.5 ** ((newest - at).total_seconds() / 86_400 / half_life_days) for key, at in updated_at.items()}
    return {key: _logistic(_logit(score) + weight * gains[key]) for key, score in judged.items()}


def _logistic(total: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def _logit(probability: float) -> float:
    bounded = min(1 - 1e-12, max(1e-12, probability))
    return math.log(bounded / (1 - bounded))
