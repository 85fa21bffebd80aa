"""What makes two questions different however near their vectors are: language, numbers, negation, names, direction.

Embeddings hardly tell "with" from "without" or "from A to B" from "from B to A". Each guard is a plain rule in Japanese
and English that may refuse too often; none may call a difference harmless.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from ryorin.contexts.answers.domain.passages import is_japanese

# how much of their words two questions share when another order of the same words is suspicious
SAME_WORDS = 0.8
# and when a negation is
NEAR_WORDS = 0.4

_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_ENGLISH_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}
# 一 alone stands in too many words that count nothing (一番, 一緒)
_JAPANESE_NUMBERS = re.compile(r"[二三四五六七八九十百千万億〇]+(?=[人個本枚回年月日時分秒円歳台匹頭羽冊階度割倍つ番])")
_KANJI_DIGITS = str.maketrans("〇一二三四五六七八九", "0123456789")
_NEGATION_EN = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|except|unless)\b|n['’]t\b|\b(?:un|dis)able\w*",
    re.IGNORECASE,
)
_NEGATION_JA = re.compile(r"ない|なかっ|なく|なけれ|ません|ずに|ず、|ぬ[。、]|以外|除[いくき]|不可|未|無")
# questions that ask politely by a negation are no negations: いいのではないか, できませんか, don't you
_POLITE = re.compile(r"(?:ません|ない)(?:でしょう)?か|かもしれ(?:ない|ません)|(?:じゃ|では)ない(?:です)?か")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][A-Za-z0-9]+\b|\b[A-Z]{2,}[A-Z0-9]*\b")
_KATAKANA = re.compile(r"[ァ-ヴー]{3,}")
_QUOTED = re.compile(r"[「『\"“`]([^「」『』\"“”`]{1,60})[」』\"”`]")
_WORD = re.compile(r"[a-z0-9]+|[一-龯々]+|[ァ-ヴー]+")
# words whose two sides cannot be exchanged
_DIRECTED = re.compile(
    r"\b(?:from|to|into|than|before|after|by|of|over|under|versus|vs)\b|から|より|へ|まで|に対|前に|後に|を",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Differences:
    """In what two questions differ that a vector hardly shows.

    `exchanged` tells that each names something the other does not.
    """

    language: bool
    numbers: bool
    negation: bool
    names: bool
    exchanged: bool
    direction: bool

    def forbidding(self, words: float) -> tuple[str, ...]:
        """The guards that refuse whatever else is alike; `words` is the Jaccard index of their terms.

        A negation that one of two differently worded questions has is a way of speaking; among the same words it is
        the difference.
        """
        held = {
            "language": self.language,
            "numbers": self.numbers,
            "negation": self.negation and words >= NEAR_WORDS,
            "names": self.exchanged,
            "direction": self.direction,
        }
        return tuple(name for name, holds in held.items() if holds)


def differences(question: str, other: str) -> Differences:
    """What sets two questions apart."""
    one, two = unicodedata.normalize("NFKC", question), unicodedata.normalize("NFKC", other)
    mine, theirs = _names(one), _names(two)
    return Differences(
        language=is_japanese(one) != is_japanese(two),
        numbers=_numbers(one) != _numbers(two),
        negation=_negations(one) != _negations(two),
        names=mine != theirs,
        exchanged=bool(mine - theirs and theirs - mine),
        direction=_exchanged(one, two),
    )


def _numbers(text: str) -> Counter[str]:
    digits = _NUMBER.findall(text)
    words = [_ENGLISH_NUMBERS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _ENGLISH_NUMBERS]
    kanji = [found.translate(_KANJI_DIGITS) for found in _JAPANESE_NUMBERS.findall(text)]
    # "one" is rarely a number
    return Counter(number for number in (*digits, *words, *kanji) if number != "1")


def _negations(text: str) -> bool:
    """Whether the text denies, an even number of negations being none."""
    plain = _POLITE.sub("", text)
    return (len(_NEGATION_EN.findall(plain)) + len(_NEGATION_JA.findall(plain))) % 2 == 1


def _names(text: str) -> frozenset[str]:
    """Names, acronyms and what is quoted, without their case; katakana only in Japanese text."""
    found = [*_NAME.findall(text), *_QUOTED.findall(text), *_KATAKANA.findall(text)]
    return frozenset(name.lower().rstrip("s") for name in found if name != "I")


def _exchanged(one: str, two: str) -> bool:
    """Whether nearly the same words stand in another order around a word with a direction."""
    if not (_DIRECTED.search(one) and _DIRECTED.search(two)):
        return False
    mine, theirs = _words(one), _words(two)
    shared = set(mine) & set(theirs)
    if not shared or len(shared) < SAME_WORDS * len({*mine, *theirs}):
        return False
    return [word for word in mine if word in shared] != [word for word in theirs if word in shared]


def _words(text: str) -> list[str]:
    """Words that mean something by themselves, each once, in their order; of Japanese what is not hiragana."""
    return list(dict.fromkeys(_WORD.findall(text.lower())))
