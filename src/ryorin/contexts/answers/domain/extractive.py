"""The answerer that needs no model: the best sentences of the best passages, honest about being extracted.

A sentence is scored by the share of the question's telling terms that it holds (weighed by how few of the
candidate sentences hold them), by the rank of its passage, and by how well its heading fits.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ryorin.contexts.answers.domain.passages import Passage, cite, is_japanese
from ryorin.contexts.answers.queries import Citation

Splitter = Callable[[str], Sequence[tuple[int, int]]]
Analyser = Callable[[str], Sequence[str]]

MAX_SENTENCES = 3
# below this share of the question's weight nothing was said about it
MIN_COVERAGE = 0.18
# a further sentence must be nearly as good as the best
NEAR_BEST = 0.72
MIN_CHARACTERS, MAX_CHARACTERS = 8, 420

_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,}).*?^ {0,3}(?:`{3,}|~{3,})[ \t]*$", re.DOTALL | re.MULTILINE)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_ANCHOR = re.compile(r"\{[ /*#][^}\n]*\}")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>")
_LINE_START = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+.*$|[-*+][ \t]+|\d{1,3}[.)][ \t]+|>[ \t]?|/{3}.*$|:{3}.*$)", re.MULTILINE
)
_EMPHASIS = re.compile(r"(\*\*|__|\*)(?=\S)(.+?)(?<=\S)\1")
# words that ask, and tell nothing of what is asked
_ASKING = frozenset(
    [
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "is",
        "are",
        "was",
        "were",
        "do",
        "does",
        "did",
        "can",
        "could",
        "should",
        "would",
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "on",
        "for",
        "and",
        "or",
        "i",
        "my",
        "it",
        "this",
        "that",
        "there",
        "with",
        "be",
        "by",
        "as",
        "at",
        "from",
        "you",
        "your",
        "です",
        "ます",
        "した",
        "する",
        "ので",
        "には",
        "とは",
        "です",
        "か",
        "どう",
        "どの",
        "どこ",
        "何",
        "なに",
        "なぜ",
        "いつ",
        "だれ",
        "です",
        "ますか",
        "うや",
        "やっ",
        "って",
        "れば",
        "よい",
        "いで",
        "すか",
        "たら",
        "する",
        "るに",
        "には",
        "とき",
    ]
)


@dataclass(frozen=True, slots=True)
class Extract:
    """An extracted answer: its text with marks, the citations, and whether anything was found."""

    text: str
    citations: tuple[Citation, ...]
    found: bool


@dataclass(frozen=True, slots=True)
class _Sentence:
    passage: Passage
    place: int
    text: str
    terms: frozenset[str]


class ExtractiveAnswerer:
    """Answers from passages alone; `split` finds sentences, `analyse` terms, in Japanese and English."""

    def __init__(self, split: Splitter, analyse: Analyser) -> None:
        self._split = split
        self._analyse = analyse

    def answer(self, question: str, passages: Sequence[Passage]) -> Extract:
        """The best one to three sentences, each with its citation mark; or a plain "not found"."""
        sentences = [sentence for passage in passages for sentence in self._sentences(passage)]
        weights = self._weights(question, sentences)
        scored = sorted(
            ((self._score(sentence, weights), sentence) for sentence in sentences),
            key=lambda entry: -entry[0],
        )
        if not scored or scored[0][0] < MIN_COVERAGE:
            return Extract(_not_found(question), (), found=False)
        chosen = _chosen(scored)
        lines = [f"{sentence.text} [{sentence.passage.number}]" for sentence in chosen]
        quotes: dict[int, Citation] = {}
        for sentence in chosen:
            quotes.setdefault(sentence.passage.number, cite(sentence.passage, sentence.text))
        return Extract(_intro(question) + "\n" + "\n".join(lines), tuple(quotes.values()), found=True)

    def _sentences(self, passage: Passage) -> list[_Sentence]:
        clean = readable(passage.text)
        pieces = (clean[start:end] for start, end in self._split(clean))
        texts = [" ".join(piece.split()) for piece in pieces]
        return [
            _Sentence(passage, place, text, frozenset(self._analyse(text)))
            for place, text in enumerate(texts)
            if MIN_CHARACTERS <= len(text) <= MAX_CHARACTERS
        ]

    def _weights(self, question: str, sentences: Sequence[_Sentence]) -> dict[str, float]:
        terms = {term for term in self._analyse(question) if term not in _ASKING}
        spread = Counter(term for sentence in sentences for term in terms & sentence.terms)
        total = len(sentences) + 1
        return {term: math.log1p(total / (1 + spread[term])) for term in terms}

    def _score(self, sentence: _Sentence, weights: dict[str, float]) -> float:
        total = sum(weights.values()) or 1.0
        covered = sum(weight for term, weight in weights.items() if term in sentence.terms)
        heading = frozenset(self._analyse(" ".join((*sentence.passage.heading_path, sentence.passage.title))))
        named = sum(weight for term, weight in weights.items() if term in heading)
        # the first passages and the first sentences of a section say more often what it is about
        prior = 0.12 / sentence.passage.number + 0.05 / (1 + sentence.place)
        return covered / total + 0.25 * named / total + prior * (covered > 0)


def _chosen(scored: Sequence[tuple[float, _Sentence]]) -> list[_Sentence]:
    best = scored[0][0]
    chosen: list[_Sentence] = []
    for score, sentence in scored:
        if len(chosen) == MAX_SENTENCES or score < NEAR_BEST * best:
            break
        if all(_differs(sentence, other) for other in chosen):
            chosen.append(sentence)
    return sorted(chosen, key=lambda sentence: (sentence.passage.number, sentence.place))


def _differs(sentence: _Sentence, other: _Sentence) -> bool:
    shared = len(sentence.terms & other.terms)
    return shared < 0.8 * min(len(sentence.terms), len(other.terms))


def readable(text: str) -> str:
    """Markdown without what is not read aloud: code fences, headings, link targets, marks."""
    for pattern, replacement in (
        (_FENCE, "\n\n"),
        (_IMAGE, ""),
        (_LINK, r"\1"),
        (_ANCHOR, ""),
        (_TAG, ""),
        (_EMPHASIS, r"\2"),
        # a blank line in its place: what stands at the start of a line starts a sentence
        (_LINE_START, "\n\n"),
    ):
        text = pattern.sub(replacement, text)
    return text


def _intro(question: str) -> str:
    if is_japanese(question):
        return "文書からの抜粋です。"
    return "From the documents:"


def _not_found(question: str) -> str:
    if is_japanese(question):
        return "登録された文書の中に、この質問に答える記述は見つかりませんでした。"
    return "The documents do not say anything that answers this question."
