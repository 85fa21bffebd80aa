"""How much two texts have in common, in Japanese and English: the measures of question answering and translation."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

CHRF_ORDER, CHRF_BETA = 6, 2.0
# words where blanks part them; where none do, as in Japanese, single characters
UNIT = re.compile(r"[^\W_぀-ヿ㐀-鿿豈-﫿ｦ-ﾝ]+|[぀-ヿ㐀-鿿豈-﫿ｦ-ﾝ]")


def normalised(text: str) -> str:
    """Without case, width, punctuation and doubled blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if unicodedata.category(one)[0] in "PZC" else one for one in folded)
    return " ".join(kept.split())


def units(text: str) -> list[str]:
    """Words, and characters of scripts without blanks."""
    return UNIT.findall(unicodedata.normalize("NFKC", text).casefold())


def token_f1(answer: str, expected: str) -> float:
    """The harmonic mean of how much of one is in the other, by units (Rajpurkar et al., 2016)."""
    first, second = Counter(units(answer)), Counter(units(expected))
    if not first or not second:
        return float(first == second)
    common = (first & second).total()
    return 2 * common / (first.total() + second.total())


def rouge_l(answer: str, expected: str) -> float:
    """The F-measure of the longest common subsequence, by units (Lin, 2004)."""
    first, second = units(answer), units(expected)
    if not first or not second:
        return float(first == second)
    return 2 * _common_subsequence(first, second) / (len(first) + len(second))


def chrf(answer: str, expected: str) -> float:
    """The F-measure of character n-grams up to 6, recall counting twice (Popović, 2015); blanks do not count."""
    first, second = ("".join(unicodedata.normalize("NFKC", text).split()) for text in (answer, expected))
    precision, recall, orders = 0.0, 0.0, 0
    for order in range(1, CHRF_ORDER + 1):
        mine, theirs = _grams(first, order), _grams(second, order)
        if not mine and not theirs:
            continue
        orders += 1
        common = (mine & theirs).total()
        precision += common / mine.total() if mine else 0.0
        recall += common / theirs.total() if theirs else 0.0
    if not orders:
        return 1.0
    precision, recall = precision / orders, recall / orders
    weighted = CHRF_BETA**2 * precision + recall
    return (1 + CHRF_BETA**2) * precision * recall / weighted if weighted else 0.0


def _grams(text: str, order: int) -> Counter[str]:
    return Counter(text[at : at + order] for at in range(len(text) - order + 1))


def _common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    lengths = [0] * (len(second) + 1)
    for one in first:
        before = 0
        for at, other in enumerate(second, start=1):
            above = lengths[at]
            lengths[at] = before + 1 if one == other else max(above, lengths[at - 1])
            before = above
    return lengths[-1]
