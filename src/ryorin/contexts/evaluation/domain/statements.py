"""Statements of a prompt, and which of two say the same: by their meaning, unless something differs that must not.

Meaning is the cosine of vectors, with what words they share; what must not differ are numbers, quoted words, links,
names of languages, and whether something is asked for or forbidden. Japanese and English (ADR-0032).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.evaluation.domain.faithfulness import content

# two statements say the same from here on
SAME = 0.7
# what all their words in common add to the cosine of their vectors
SHARED = 0.3
# a number may have gone to a statement that is so much less alike
AROUND = 0.15
# words of a statement that says one thing
BARE = 6
# in characters: what is longer is no sentence, and patterns take their time over it
LONGEST = 1_000

# an apostrophe inside a word quotes nothing
QUOTED = re.compile(r"(?<![A-Za-z])[\"“「『']([^\"”」』']{1,80})[\"”」』'](?![A-Za-z])")
FENCED = re.compile(r"^\s*(```|~~~).*?^\s*\1\s*$", re.S | re.M)
HEADING = re.compile(r"^\s*(?:#{1,6}\s.*|(?:\S+\s+){0,3}\S+\s*[:：])\s*$", re.M)
TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
ITEM = re.compile(r"^\s*(?:[-*・•]|\d+[.)．])\s*")
SENTENCE = re.compile(
    r"(?<=[。！？])(?![」』）)])|(?<=[!?])(?=[ぁ-ヶ一-龠])|(?<=[.;!?])(?<!e\.g\.)(?<!i\.e\.)\s+|(?<=[.!?][\"'”’)])\s+|"
    r"\n+(?:\s*(?:[-*・•]|\d+[.)．])\s*)?"
)
# verbs that tell what to do
VERBS = (
    "add|address|answer|ask|assume|avoid|begin|call|check|cite|close|comment|describe|do|don't|end|ensure|explain|extract|"
    "finish|focus|follow|generate|give|ignore|include|keep|label|leave|limit|link|list|make|mark|mention|name|never|"
    "offer|output|print|provide|put|quote|recommend|refer|refuse|reply|respond|return|say|show|sign|speak|spell|"
    "start|state|stay|stop|suggest|summari[sz]e|tell|translate|treat|use|vary|write"
)
CLAUSE_EN = re.compile(
    rf",?\s+(?:and then|and|but|then)\s+(?=(?:always |only )?(?:{VERBS})\s+(?!of\b|is\b|are\b|and\b|or\b)\w)|"
    r",\s+(?=without\b)|\s+[-–—]\s+",
    re.I,
)
# after a verb that goes on: 使い、 書かず、 出力し、
CLAUSE_JA = re.compile(r"(?<=[いきぎしちびみりえけげせてねべめれず])、|(?<=(?:以内|以下|まで)で)、")

# what stands beside "and": an edit may drop one thing of several
LISTED = re.compile(
    r"(\w+)(?=(?:, [\w' -]{1,30})*,? (?:and|or)\b)|\b(?:and|or) (\w+)|([一-龠ァ-ヶー]+)(?=[とや・、]|または|および)|"
    r"(?<=[とや・、])([一-龠ァ-ヶー]+)"
)

NOT_NEGATIVE = re.compile(
    r"\b(?:no|not|without) (?:more|fewer|less|later|longer|exceed\w*)\b|\bnot only\b|,\s+not\b[^,;.]*|"
    r"\b(?:if|when|where|whenever)\b[^,;.]*?(?:n't|\b(?:not|cannot|no|none|nobody|nothing|never|unsure))\b[^,;.]*|"
    r"[^。、]*ない(?:場合|とき|時|なら|(?:もの|こと|点)(?=[はにも]))(?:は|に|には)?|[^。、]*(?:なければ|なかったら|不明な?(?:場合|とき|点))(?!なら|なり|いけ)|"
    r"な(?:ければ|くては)(?:なら|なり|いけ)(?:ない|ません)|ないと(?:なら|なり|いけ)(?:ない|ません)|必ず|まず|少な|ない(?=[一-龠ァ-ヶ])(?!方|場合|時)",
    re.I,
)
NEGATIVE = re.compile(
    r"\b(?:never|not|cannot|avoid\w*|without|refrain|no|none|nothing|forbidden|prohibited|exclude|omit)\b|n't\b|"
    r"て(?:は|も)(?:いけ|なら|だめ)\w*|[ぁ-ん]ない|ません|[わかさたなまらがげべせけれめえ]ず|禁止|禁ず|避け|控え|不要|無用|厳禁|対象外|不可|断[りるっ]",
    re.I,
)
# what is asked for less than it was
WEAK = re.compile(
    r"\b(?:you (?:may|might|could)|try to|preferably|ideally|if possible|(?:where|when)(?:ver)? (?:possible|you can)|"
    r"optional(?:ly)?|usually|generally)\b|できれば|可能であれば|可能なら|なるべく|できるだけ|任意|てもよい|てもいい|ても構|望ましい|推奨",
    re.I,
)

OPPOSITES = tuple(
    (re.compile(one, re.I), re.compile(other, re.I))
    for one, other in (
        (r"\bbefore\b|前に", r"\bafter\b|(?:あと|後)に"),
        (r"\b(?:at the )?(?:start|beginning)\b|冒頭", r"\bat the end\b|末尾"),
        (r"\bascending\b|昇順", r"\bdescending\b|降順"),
        (r"\b(?:newest|latest|most recent)\b|新しい順", r"\b(?:oldest|earliest)\b|古い順"),
        (r"\bcheapest\b|安い順", r"\bmost expensive\b|高い順"),
        (r"\bmetric\b|メートル法", r"\bimperial\b|ヤード・?ポンド"),
        (r"\babove\b|以上", r"\bbelow\b|以下|以内|未満"),
        (r"\bupper ?case\b|大文字", r"\blower ?case\b|小文字"),
        (r"\bsingular\b|単数", r"\bplural\b|複数"),
        (r"\bpast tense\b|過去形", r"\bpresent tense\b|現在形"),
        (r"\bfull[- ]width\b|全角", r"\bhalf[- ]width\b|半角"),
    )
)

LANGUAGES: Mapping[str, str] = {
    "english": "en",
    "英語": "en",
    "japanese": "ja",
    "日本語": "ja",
    "french": "fr",
    "フランス語": "fr",
    "german": "de",
    "ドイツ語": "de",
    "spanish": "es",
    "スペイン語": "es",
    "chinese": "zh",
    "中国語": "zh",
    "korean": "ko",
    "韓国語": "ko",
}
_NUMERALS_EN = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
NUMERALS: Mapping[str, int] = {
    **{word: at for at, word in enumerate(_NUMERALS_EN, start=1)},
    **{sign: at for at, sign in enumerate("一二三四五六七八九十", start=1)},
}
NUMBER = re.compile(
    rf"\d+(?:[.:/-]\d+)*|\b(?:{'|'.join(_NUMERALS_EN)})\b|"
    r"[一二三四五六七八九十](?=つ|文|字|個|回|件|行|段落|項目|点|時間|日|泊|語|人|名|枚|本|案|例|種|倍|歳|年|か月|週|割|ページ)",
    re.I,
)
# words that run into particles
RUNS_ON = re.compile("[ぁ-ん]")
# what stands in a list and is none of its things
NO_THING = re.compile(rf"{NEGATIVE.pattern}|{NUMBER.pattern}|each", re.I)
LINK = re.compile(r"https?://[^\s<>\"'）)」]+[^\s<>\"'）)」.,。、]")
SPOKEN = re.compile("|".join(LANGUAGES), re.I)


class Meaning:
    """What statements say: their vectors, and their words."""

    def __init__(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """`vectors` (texts, dimensions) are of length 1."""
        self._places = {text: at for at, text in enumerate(texts)}
        self._vectors = vectors
        self._words = {text: frozenset(map(_stem, content(text))) for text in texts}

    def alike(self, statement: str, among: Sequence[str], least: float) -> list[tuple[float, str]]:
        """Those that say so nearly the same, the nearest first."""
        if not among:
            return []
        rows = self._vectors[[self._places[one] for one in among]]
        cosines = rows @ self._vectors[self._places[statement]]
        scores = [
            (float(cosines[at]) + SHARED * self._shared(statement, among[at]), among[at])
            for at in np.flatnonzero(cosines >= least - SHARED).tolist()
        ]
        return sorted((pair for pair in scores if pair[0] >= least), reverse=True)

    def drops(self, first: str, second: str, among: Sequence[str]) -> bool:
        """Whether the second has some of the things that the first lists, and one of them is in none of all those."""
        listed = {
            _stem(word)
            for found in LISTED.findall(first)
            for word in content(" ".join(found))
            if not NO_THING.fullmatch(word)
        }
        kept = listed & self._named(second)
        return bool(kept) and bool((listed & self._named(first)).difference(*map(self._named, among)))

    def _named(self, text: str) -> frozenset[str]:
        """Words without those that run into particles."""
        return frozenset(word for word in self._words[text] if not RUNS_ON.search(word))

    def _shared(self, first: str, second: str) -> float:
        """The share of words that both have (Dice), or that the second has of the first."""
        one, other = self._words[first], self._words[second]
        if not one or not other:
            return float(one == other)
        both = len(one & other)
        return max(2 * both / (len(one) + len(other)), both / len(one))


def sentences(text: str) -> list[str]:
    """Sentences and items of lists; neither headings nor code."""
    bare = HEADING.sub("", FENCED.sub("", text))
    found = (ITEM.sub("", one).strip() for one in SENTENCE.split(bare) if one)
    pieces = (one[at : at + LONGEST] for one in found for at in range(0, len(one), LONGEST))
    return [one for one in pieces if any(map(str.isalnum, TAG.sub("", one)))]


def statements(sentence: str) -> list[str]:
    """What a sentence says, one thing each."""
    parts = [one for part in CLAUSE_EN.split(sentence) for one in CLAUSE_JA.split(part)]
    found = [part.strip() for part in parts if len(content(part)) > 0]
    return found if len(found) > 1 else [sentence]


def said(text: str) -> list[str]:
    """Sentences and statements of a text, each once."""
    return list(dict.fromkeys(one for sentence in sentences(text) for one in (sentence, *statements(sentence))))


def contradicts(first: str, second: str) -> bool:
    """Whether one asks for what the other forbids or for its opposite, or the second asks for it less firmly."""
    turned = any(
        (_only(first, one, other) and _only(second, other, one))
        or (_only(first, other, one) and _only(second, one, other))
        for one, other in OPPOSITES
    )
    return turned or negative(first) != negative(second) or (weak(second) and not weak(first))


def differs(first: str, second: str, around: str = "") -> bool:
    """Whether a number, a language, quoted words or a link of the first are not in the second; of several numbers, some
    may be `around` it.
    """
    one, other = unicodedata.normalize("NFKC", first), unicodedata.normalize("NFKC", second)
    wanted, there = _numbers(one), _numbers(other)
    if wanted & there:
        there |= _numbers(unicodedata.normalize("NFKC", around))
    if wanted - there or _languages(one) - _languages(other):
        return True
    folded = other.casefold()
    marks = (*LINK.findall(one), *QUOTED.findall(one))
    return any(mark.strip().rstrip(".。").casefold() not in folded for mark in marks)


def negative(text: str) -> bool:
    """Whether it forbids; what is forbidden not to be is asked for, and a condition forbids nothing."""
    bare = QUOTED.sub("", unicodedata.normalize("NFKC", text).replace("’", "'"))
    return any(len(NEGATIVE.findall(part)) % 2 for part in re.split(r"[,:;]\s|、", NOT_NEGATIVE.sub("", bare)))


def weak(text: str) -> bool:
    """Whether it leaves it open to do so."""
    return WEAK.search(text) is not None


def nearest(statement: str, among: Sequence[str], meaning: Meaning) -> tuple[str | None, bool]:
    """The one that says the same, and whether it does in all that must not differ."""
    alike = meaning.alike(statement, among, SAME - AROUND)
    near = [one for score, one in alike if score >= SAME]
    around = " ".join(one for _, one in alike)
    kept = next(
        (
            one
            for one in near
            if not (
                contradicts(statement, one) or differs(statement, one, around) or meaning.drops(statement, one, among)
            )
        ),
        None,
    )
    return (kept, True) if kept is not None else (near[0] if near else None, False)


def is_bare(statement: str) -> bool:
    """Whether it says one thing only."""
    return len(content(statement)) <= BARE


def key(text: str) -> str:
    """What it says, whatever the order and the endings."""
    return " ".join(sorted(set(map(_stem, content(text)))))


def _only(text: str, one: re.Pattern[str], other: re.Pattern[str]) -> bool:
    return one.search(text) is not None and other.search(text) is None


def _numbers(text: str) -> frozenset[str]:
    """One is no number here: "a", "a single" and "one" say the same."""
    plain = LINK.sub("", re.sub(r"(?<=\d),(?=\d{3})", "", text))
    found = (one.lower() for one in NUMBER.findall(plain))
    return frozenset(str(NUMERALS.get(one, one)) for one in found) - {"1"}


def _languages(text: str) -> frozenset[str]:
    return frozenset(LANGUAGES[one.lower()] for one in SPOKEN.findall(text))


def _stem(word: str) -> str:
    """Without the endings of English that change nothing here."""
    return re.sub(r"(?:ing|ies|es|ed|s)$", "", word) if word.isascii() and len(word) > 4 else word  # noqa: PLR2004
