"""How a text is written, whatever it is about: a fingerprint of Japanese or English, and how far two lie apart.

Content is masked before anything is counted (Stamatatos, 2017, "Authorship attribution using text distortion"): what
is left are function words or particles, endings, punctuation and the lengths of what was there. Frequencies are
compared as z-scores against a background of many sources (Burrows' Delta, 2002; Evert et al., 2017). Pairs of parts
of speech are counted of the whole text, for a tag says nothing of what its word is about.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.evaluation.ports import Tagger
from ryorin.contexts.evaluation.specs import Language

Vector = NDArray[np.float64]

HASHED = 256
GRAMS = (2, 3, 4)
WINDOW = 50
# shorter texts say too little: `make bench-style` has how little
MIN_CHARACTERS: Mapping[Language, int] = {"en": 1000, "ja": 200}

KANA, KANJI = "ぁ-ゖー", "㐀-鿿々"
JAPANESE = re.compile(f"[{KANA}ァ-ヴ{KANJI}]")
SENTENCE = re.compile(r"(?<=[。！？!?])[」』）)]*\s*|(?<=[.!?])[\"')\]]*\s+|\n{2,}")
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_WORDS_EN = (
    "a about above after again against all almost also although always am an and another any are around "
    "as at away back be because been before being below between both but by can cannot could did do does "
    "doing done down during each either enough even ever every few first for from further get gets had "
    "has have having he her here him his how however i if in instead into is it its itself just last "
    "least less let like make makes many may me might more most much must my need never next no nor not "
    "now of off often on once one only or other our out over own per perhaps please quite rather same see "
    "several shall she should since so some still such than that the their them then there these they "
    "this those though through thus to together too toward two under until up upon us use used using very "
    "was way we well were what when where whether which while who whose why will with within without "
    "would yet you your"
)
FUNCTION_EN = _WORDS_EN.split()
_WORDS_JA = (
    "は が を に で と の も へ や か よ ね から まで より だけ しか ので のに けど けれど ても では には "
    "とは との での など ため こと もの とき よう そう これ それ この その です ます でした ました ません "
    "ください でしょう だ である だった ない なかった れる られる せる させる ている てい できる いる "
    "ある する した して します なる なり たい たら れば なら ば つつ ながら および また そして しかし "
    "ただし 例えば たとえば つまり さらに"
)
PARTICLES_JA = _WORDS_JA.split()
SIGNS = ",.;:!?()[]\"'-–—/、。「」『』（）・：…！？*_`"
PASSIVE = re.compile(r"\b(?:is|are|was|were|be|been) \w+(?:ed|en)\b|[らさ]?れ(?:る|ま|た|て)")
CONTRACTION = re.compile(r"\b\w+'(?:s|re|ve|ll|d|t|m)\b")
ENDINGS_JA = (
    ("polite", re.compile(r"(?:です|ます|でした|ました|ません|でしょう|ください)(?:[かねよ])?[。！？!?」）)]*$")),
    ("plain", re.compile(r"(?:だ|である|った|いる|ある|ない|する|れる|した|なる|きる)[。！？!?」）)]*$")),
    ("noun", re.compile(f"[{KANJI}ァ-ヴー]+[。！？!?」）)]*$")),
)
HABITS = (
    "sentence_length",
    "sentence_spread",
    "burstiness",
    "commas",
    "questions",
    "exclamations",
    "parentheses",
    "quotes",
    "dashes",
    "colons",
    "politeness",
    "plainness",
    "nouns_at_end",
    "contractions",
    "first_person",
    "second_person",
    "passive",
    "word_length",
    "richness",
    "readability",
    "kanji",
    "katakana",
)
# what the console draws: habits by axis, as the mean of their z-scores
AXES: Mapping[str, tuple[str, ...]] = {
    "sentences": ("sentence_length", "sentence_spread"),
    "rhythm": ("burstiness",),
    "commas": ("commas",),
    "politeness": ("politeness", "second_person"),
    "liveliness": ("questions", "exclamations", "contractions", "first_person"),
    "asides": ("parentheses", "quotes", "dashes", "colons"),
    "difficulty": ("readability", "word_length", "kanji"),
    "richness": ("richness",),
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A text's style: rates of function words or particles, of runs in the masked text, of pairs of parts of speech
    (by name, "DT NN"; all three in a thousand), and habits by name.
    """

    language: Language
    characters: int
    functions: Vector
    grams: Vector
    parts: Mapping[str, float]
    habits: Mapping[str, float]

    @property
    def enough(self) -> bool:
        """Whether there is enough of it to say anything."""
        return self.characters >= MIN_CHARACTERS[self.language]


def language_of(text: str) -> Language:
    """Japanese if a tenth of what is written are kana or kanji."""
    return "ja" if len(JAPANESE.findall(text)) > 0.1 * max(1, len("".join(text.split()))) else "en"


def fingerprint(text: str, tagger: Tagger, language: Language | None = None) -> Fingerprint:
    """What can be counted of a text."""
    plain = unicodedata.normalize("NFKC", text).strip() if language == "en" else text.strip()
    spoken = language or language_of(plain)
    hidden = masked(plain, spoken)
    return Fingerprint(
        language=spoken,
        characters=len("".join(plain.split())),
        functions=_functions(plain, spoken),
        grams=_grams(hidden),
        parts=_parts(tagger.tags(plain, spoken)),
        habits=_habits(plain, spoken),
    )


def masked(text: str, language: Language) -> str:
    """The text without what it is about: content as stars, by its length in English, by its script in Japanese."""
    if language == "ja":
        hidden = re.sub(f"[{KANJI}]+", "*", text)
        hidden = re.sub(r"[ァ-ヴー]{2,}", "+", hidden)
        hidden = re.sub(r"[A-Za-z][A-Za-z.'-]*", "@", hidden)
    else:
        known = _KNOWN
        hidden = re.sub(
            r"[A-Za-z]+(?:'[A-Za-z]+)?",
            lambda found: found[0].lower() if found[0].lower() in known else _shape(found[0]),
            text,
        )
    return re.sub(r"\s+", " ", re.sub(r"\d+", "#", hidden))


_KNOWN = frozenset(FUNCTION_EN)
SUFFIX = re.compile(r"(ing|ed|ly|tion|s|er|est|al|ive|ment|ness|ity|ous|ful|able)$")


def _shape(word: str) -> str:
    """A masked word: whether it begins large, how long it is, how it ends."""
    ending = SUFFIX.search(word.lower())
    return ("A" if word[0].isupper() else "") + "*" * (1 + min(3, len(word) // 4)) + (ending[0] if ending else "")


def _functions(text: str, language: Language) -> Vector:
    if language == "en":
        words = WORD.findall(text.lower())
        counts = Counter(words)
        return np.array([counts[word] for word in FUNCTION_EN], dtype=np.float64) / max(1, len(words)) * 1000
    kana = re.sub(f"[^{KANA}{KANJI}]", " ", text)
    return np.array([kana.count(one) for one in PARTICLES_JA], dtype=np.float64) / max(1, len(text)) * 1000


def _grams(hidden: str) -> Vector:
    made = np.zeros(HASHED * len(GRAMS))
    for at, size in enumerate(GRAMS):
        counts = Counter(hidden[start : start + size] for start in range(len(hidden) - size + 1))
        for gram, count in counts.items():
            place = int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=4).digest(), "big") % HASHED
            made[at * HASHED + place] += count
    return made / max(1, len(hidden)) * 1000


def _parts(tags: Sequence[str]) -> dict[str, float]:
    counts = Counter(pairwise(tags))
    return {f"{first} {second}": count / len(tags) * 1000 for (first, second), count in counts.items()}


def _habits(text: str, language: Language) -> dict[str, float]:
    sentences = [one for one in SENTENCE.split(text) if len(one.strip()) > 1] or [text]
    lengths = np.array([_length(one, language) for one in sentences], dtype=np.float64)
    mean, spread = float(lengths.mean()), float(lengths.std())
    count, size = len(sentences), max(1, len(text))
    words = WORD.findall(text.lower()) if language == "en" else _pieces(text)
    ends = {name: sum(bool(one.search(said.strip())) for said in sentences) / count for name, one in ENDINGS_JA}
    lower = text.lower()
    return {
        "sentence_length": math.log1p(mean),
        "sentence_spread": math.log1p(spread),
        "burstiness": (spread - mean) / (spread + mean) if spread + mean else 0.0,
        "commas": (text.count(",") + text.count("、") + text.count("，")) / count,
        "questions": sum(one.strip().endswith(("?", "？")) for one in sentences) / count,
        "exclamations": (text.count("!") + text.count("！")) / count,
        "parentheses": (text.count("(") + text.count("（")) / count,
        "quotes": (text.count('"') / 2 + text.count("「") + text.count("『")) / count,
        "dashes": len(re.findall(r"[–—―]| - ", text)) / count,
        "colons": len(re.findall(r"[:：;]", text)) / count,
        "politeness": ends["polite"] if language == "ja" else len(re.findall(r"\bplease\b|\bwould\b", lower)) / count,
        "plainness": ends["plain"] if language == "ja" else 0.0,
        "nouns_at_end": ends["noun"] if language == "ja" else 0.0,
        "contractions": len(CONTRACTION.findall(lower)) / count,
        "first_person": len(re.findall(r"\b(?:i|we|our|my|us|let's)\b|私|僕|我々", lower)) / count,
        "second_person": len(re.findall(r"\b(?:you|your|yours)\b|あなた|ください", lower)) / count,
        "passive": len(re.findall(r"\b(?:is|are|was|were|be|been) \w+(?:ed|en)\b|[らさ]?れ(?:る|ま|た|て)", lower))
        / count,
        "word_length": sum(map(len, words)) / max(1, len(words)),
        "richness": _richness(words),
        "readability": _difficulty(words, mean, language, text),
        "kanji": len(re.findall(f"[{KANJI}]", text)) / size,
        "katakana": len(re.findall("[ァ-ヴー]", text)) / size,
    }


def _length(sentence: str, language: Language) -> int:
    return len(sentence.split()) if language == "en" else len("".join(sentence.split()))


def _pieces(text: str) -> list[str]:
    """Runs of one script: as near to words as it goes without a dictionary."""
    return re.findall(f"[{KANJI}]+|[ァ-ヴー]+|[{KANA}]+|[A-Za-z]+|\\d+", text)


def _richness(words: Sequence[str]) -> float:
    """The share of different words in windows of fifty (MATTR; Covington & McFall, 2010): length counts for nothing."""
    if len(words) <= WINDOW:
        return len(set(words)) / max(1, len(words))
    steps = range(0, len(words) - WINDOW + 1, 10)
    return sum(len(set(words[at : at + WINDOW])) for at in steps) / WINDOW / len(steps)


def _difficulty(words: Sequence[str], sentence: float, language: Language, text: str) -> float:
    """Higher is harder: grade by Flesch & Kincaid (1975); length of sentences and share of kanji in Japanese."""
    if language == "ja":
        return sentence / 10 + 10 * len(re.findall(f"[{KANJI}]", text)) / max(1, len(text))
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", word)) - word.endswith("e")) for word in words)
    return 0.39 * sentence + 11.8 * syllables / max(1, len(words)) - 15.59
