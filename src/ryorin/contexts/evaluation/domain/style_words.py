"""How a text deviates from a style, in words, in the language of the text."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ryorin.contexts.evaluation.specs import Language

# in standard deviations: what is nearer is as the samples are
TOLD_FROM = 1.0
# these are kept as logarithms
LOGARITHMS = frozenset(("sentence_length", "sentence_spread"))

# by habit: more and less of it
_EN: Mapping[str, tuple[str, str]] = {
    "sentence_length": ("sentences are longer", "sentences are shorter"),
    "sentence_spread": ("the length of sentences varies more", "the length of sentences varies less"),
    "burstiness": ("the rhythm is less even", "the rhythm is more even"),
    "commas": ("there are more commas", "there are fewer commas"),
    "questions": ("more sentences are questions", "fewer sentences are questions"),
    "exclamations": ("there are more exclamation marks", "there are fewer exclamation marks"),
    "parentheses": ("there are more parentheses", "there are fewer parentheses"),
    "quotes": ("more is quoted", "less is quoted"),
    "dashes": ("there are more dashes", "there are fewer dashes"),
    "colons": ("there are more colons and semicolons", "there are fewer colons and semicolons"),
    "politeness": ("it is politer", "it is less polite"),
    "contractions": ("there are more contractions", "there are fewer contractions"),
    "first_person": ("it speaks of itself more", "it speaks of itself less"),
    "second_person": ("it speaks to the reader more", "it speaks to the reader less"),
    "passive": ("more is in the passive", "less is in the passive"),
    "word_length": ("words are longer", "words are shorter"),
    "richness": ("words are repeated less", "words are repeated more"),
    "readability": ("it is harder to read", "it is easier to read"),
}
_JA: Mapping[str, tuple[str, str]] = {
    "sentence_length": ("文が長い", "文が短い"),
    "sentence_spread": ("文の長さのばらつきが大きい", "文の長さのばらつきが小さい"),
    "burstiness": ("文のリズムが不揃い", "文のリズムが揃っている"),
    "commas": ("読点が多い", "読点が少ない"),
    "questions": ("疑問文が多い", "疑問文が少ない"),
    "exclamations": ("感嘆符が多い", "感嘆符が少ない"),
    "parentheses": ("括弧書きが多い", "括弧書きが少ない"),
    "quotes": ("かぎ括弧が多い", "かぎ括弧が少ない"),
    "dashes": ("ダッシュが多い", "ダッシュが少ない"),
    "colons": ("コロンが多い", "コロンが少ない"),
    "politeness": ("です・ます調が多い", "です・ます調が少ない"),
    "plainness": ("だ・である調が多い", "だ・である調が少ない"),
    "nouns_at_end": ("体言止めが多い", "体言止めが少ない"),
    "first_person": ("一人称が多い", "一人称が少ない"),
    "second_person": ("読み手への呼びかけが多い", "読み手への呼びかけが少ない"),
    "passive": ("受け身が多い", "受け身が少ない"),
    "word_length": ("語が長い", "語が短い"),
    "richness": ("語の繰り返しが少ない", "語の繰り返しが多い"),
    "readability": ("読みにくい", "読みやすい"),
    "kanji": ("漢字が多い", "漢字が少ない"),
    "katakana": ("片仮名が多い", "片仮名が少ない"),
}


def in_words(
    language: Language, scores: Mapping[str, float], habits: Mapping[str, float], usual: Mapping[str, float]
) -> tuple[str, ...]:
    """What deviates by `scores` (z-scores by habit), with its own value and that of the samples."""
    words = _JA if language == "ja" else _EN
    told = list[str]()
    for name, score in scores.items():
        if name not in words or abs(score) < TOLD_FROM:
            continue
        said = words[name][score < 0]
        own, theirs = _shown(name, habits[name]), _shown(name, usual[name])
        told.append(
            f"見本より{said}（{own}、見本は{theirs}）"
            if language == "ja"
            else f"{said} than in the samples ({own}; the samples have {theirs})"
        )
    return tuple(told)


def _shown(name: str, value: float) -> str:
    return f"{math.expm1(value) if name in LOGARITHMS else value:.3g}"
