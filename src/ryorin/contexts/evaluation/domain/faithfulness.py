"""How likely a claim is not borne out by what it should rest on: measured by features, weighed by a small network.

The weights were trained by `benchmarks/hallucination_training.py` (ADR-0030). Lexical features see what is not there;
likeness of vectors sees paraphrases; how the question's words lie around the place that the claim is taken from sees an
answer that is in the text, but to another question. How long an answer is counts for nothing: in sets where that alone
tells wrong answers, it tells how the set was made.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.evaluation.domain import faithfulness_weights as weights
from ryorin.contexts.evaluation.domain.overlap import units

CITATION = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")
SENTENCE = re.compile(r"(?<=[。！？!?])|(?<=[.:;])\s+|\n+")
# what carries little: function words of English, particles and endings of Japanese
EMPTY_WORDS = (
    "a an the of to in on at by for from with and or but not no is are was were be been being it its this that these "
    "those he she they we you i his her their our your my as if than then there here do does did have has had will "
    "would can could may might should which who whom what when where why how so such also very about into over"
)
EMPTY = {*EMPTY_WORDS.split(), *"のにをはがでとも、へやかねよてたしるいすなだ"}
NAME = re.compile(r"[A-Z][a-z]+|[ァ-ヴー]{2,}|[㐀-鿿]{2,}")
NUMBER = re.compile(
    r"\d[\d,.]*|[〇一二三四五六七八九十百千]+(?=[年月日時分秒人個回歳円つ度番匹本割点])|\b(?:two|three|four|five|six|seven|"
    r"eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|hundred|thousand|million|billion)\b"
)
WANTS_NUMBER = re.compile(
    r"\b(?:when|how (?:many|much|long|old|far|tall|big|large|high|often)|(?:what|which) (?:year|date|century|"
    r"percent\w*|day|age|number|time|month|decade|amount|population))\b|いつ|何[年月日人個回歳才世時分秒割点本匹度番]|いくつ|いくら|何パーセント|"
    r"どれくらい|どのくらい|何%",
    re.I,
)
WANTS_NAME = re.compile(
    r"\b(?:who|whom|whose|(?:what|which) (?:\w+ ){0,2}(?:city|country|team|company|person|name|place|state|river|"
    r"university|church|group|organization|king|player|author))\b|誰|だれ|どこ|何という|誰が|何県|何市|何国|名前",
    re.I,
)
WANTS_REASON = re.compile(r"\b(?:why|how (?:do|does|did|can|is|are|was|were))\b|なぜ|どうして|どのように|理由", re.I)
NEGATION = re.compile(r"\b(?:not|no|never|none|n't|without|cannot)\b|ない|ません|なかった|ず、|ぬ", re.I)
# runs of hiragana are mostly endings and particles
GRAMMAR = re.compile(r"[ぁ-ゖー]+")
GRAM = 3
# how a sentence ends says nothing of what it claims
ENDING = re.compile(r"(?:(?:です|ます|でした|ました|である|だ)(?:よ|ね)?)?[。.!！\s]*$")
SHARPNESS = 2.0
# a name or a number rather than a sentence
SHORT = 5
# how far around a claim the words of the question count
AROUND = 12

FEATURES = (
    "missing",
    "missing_in_best",
    "missing_words",
    "missing_words_of_answer",
    "missing_grams",
    "longest_run",
    "missing_numbers",
    "missing_names",
    "new_names",
    "likeness",
    "likeness_with_question",
    "question_likeness",
    "question_in_best",
    "question_around",
    "question_near",
    "in_question",
    "number_wanted_and_given",
    "number_wanted_and_missing",
    "name_wanted_and_given",
    "name_wanted_and_number",
    "reason_wanted_and_short",
    "number_not_wanted",
    "negation_differs",
    "covered",
    "covered_with_likeness",
)
Vector = NDArray[np.float64]


class Ground:
    """What claims should rest on: sentences, and their vectors (n, dimensions) of length 1."""

    def __init__(self, sentences: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self.sentences = sentences
        self.vectors = vectors
        self._content = [content(sentence) for sentence in sentences]
        self._sets = [set(one) for one in self._content]
        self._all = set().union(*self._sets) if self._sets else set()
        self._units = {unit for sentence in sentences for unit in units(sentence)}
        self._text = folded(" ".join(sentences))
        self._grams = grams(self._text)

    @cached_property
    def _order(self) -> list[str]:
        return [unit for one in self._content for unit in one]

    def features(
        self, claim: str, answer: str, question: str, vector: Vector, with_question: Vector, asked: Vector
    ) -> Vector:
        """(FEATURES,) of a claim in an answer: its vector, that of question and claim, and that of the question."""
        said, wanted = content(claim), set(content(question))
        own = set(said)
        cover = [len(own & one) / len(own) if own else 0.0 for one in self._sets]
        likeness, together, questioned = (self.vectors @ one for one in (vector, with_question, asked))
        best = int(np.argmax(np.array(cover) + 0.1 * likeness)) if cover else 0
        about = [len(wanted & one) / len(wanted) if wanted else 0.0 for one in self._sets]
        top = max(about, default=0.0) or 1.0
        around = max(about[max(0, best - 1) : best + 2], default=0.0)
        missing = 1 - len(own & self._all) / len(own) if own else 0.0
        text = folded(claim)
        names, numbers = set(map(folded, NAME.findall(claim))), {n.strip(".,") for n in NUMBER.findall(text)}
        lost = {name for name in names if name not in self._text}
        new = {name for name in lost if name not in folded(question)}
        number_wanted, name_wanted = bool(WANTS_NUMBER.search(question)), bool(WANTS_NAME.search(question))
        mine = grams(text)
        given = bool(numbers)
        short = len(said) <= SHORT
        closest = float(likeness.max()) if len(likeness) else 0.0
        return np.array(
            [
                missing,
                1 - max(cover, default=0.0),
                self._unknown(claim),
                self._unknown(answer),
                1 - len(mine & self._grams) / len(mine) if mine else 0.0,
                _run(ENDING.sub("", text), self._text),
                sum(number not in self._text for number in numbers) / len(numbers) if numbers else 0.0,
                len(lost) / len(names) if names else 0.0,
                len(new) / len(names) if names else 0.0,
                closest,
                float(together.max()) if len(together) else 0.0,
                float(questioned[best]) if len(questioned) else 0.0,
                about[best] / top if about else 0.0,
                around / top,
                self._near(said, wanted),
                len(own & wanted) / len(own) if own else 0.0,
                float(number_wanted and given),
                float(number_wanted and not given),
                float(name_wanted and bool(names)),
                float(name_wanted and given and not names),
                float(bool(WANTS_REASON.search(question)) and short),
                float(given and short and not number_wanted),
                float(bool(NEGATION.search(claim)) != bool(self.sentences and NEGATION.search(self.sentences[best]))),
                float(missing == 0.0),
                (1 - missing) * closest,
            ]
        )

    def evidence(self, vector: Vector) -> str:
        """The sentence that is closest to a claim."""
        return self.sentences[int(np.argmax(self.vectors @ vector))] if self.sentences else ""

    def _unknown(self, text: str) -> float:
        """The share of words, function words among them, that stand nowhere."""
        said = units(text)
        return sum(one not in self._units for one in said) / len(said) if said else 0.0

    def _near(self, said: Sequence[str], wanted: set[str]) -> float:
        """How many of the question's words stand around the place where the claim's stand, at best."""
        if not said or not wanted:
            return 0.0
        own, best = set(said), 0.0
        for at, unit in enumerate(self._order):
            if unit in own:
                window = self._order[max(0, at - AROUND) : at + AROUND + 1]
                best = max(best, len(wanted & set(window)) / len(wanted))
        return best


@dataclass(frozen=True, slots=True)
class Doubts:
    """A network of one hidden layer on standardised features; `inner` is (features, hidden)."""

    mean: Vector
    scale: Vector
    inner: Vector
    shift: Vector
    outer: Vector
    direct: Vector
    bias: float

    def of_claims(self, features: Vector) -> Vector:
        """Log-odds that each claim is not borne out, of (claims, FEATURES)."""
        values = (features - self.mean) / self.scale
        hidden = np.tanh(values @ self.inner + self.shift)
        logits: Vector = hidden @ self.outer + values @ self.direct + self.bias
        return logits

    def of_answer(self, claims: Vector) -> float:
        """The chance that an answer is not borne out: that of its worst claims."""
        return probability(softest(claims))


def softest(logits: Vector) -> float:
    """A smooth maximum: one bad claim spoils an answer, and two bad ones spoil it a little more."""
    top = float(logits.max())
    return top + math.log(float(np.exp(SHARPNESS * (logits - top)).mean())) / SHARPNESS


def probability(logit: float) -> float:
    """Of log-odds."""
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))


def sentences_of(text: str) -> list[str]:
    """Sentences that say something; the numbers of citations say nothing."""
    return [one.strip() for one in SENTENCE.split(CITATION.sub("", text)) if units(one)]


def claims_of(answer: str) -> list[str]:
    """The sentences of an answer that claim something: not those that only announce what follows."""
    found = sentences_of(answer)
    return [one for one in found if not one.endswith((":", "："))] or found or [answer]


def content(text: str) -> list[str]:
    """What carries meaning: words, pairs of characters of scripts without blanks, no function words."""
    found = units(text)
    single = [len(one) == 1 and not one.isascii() for one in found]
    pairs = [a + b for a, b, one, two in zip(found, found[1:], single, single[1:], strict=False) if one and two]
    words = [one for one, alone in zip(found, single, strict=True) if not alone and one not in EMPTY]
    rest = [one for one, alone in zip(found, single, strict=True) if alone and one not in EMPTY] if not pairs else []
    kept = [pair for pair in pairs if not GRAMMAR.fullmatch(pair)]
    return words + kept + rest


def folded(text: str) -> str:
    """Without case and width, and without blanks between words and signs."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def grams(text: str) -> set[str]:
    """Runs of three characters."""
    bare = text.replace(" ", "")
    found = {bare[at : at + GRAM] for at in range(len(bare) - GRAM + 1)}
    return {one for one in found if not GRAMMAR.fullmatch(one)}


def _run(text: str, inside: str) -> float:
    """The longest run of a text that stands in another, as a share of it."""
    if not text:
        return 0.0
    best, start = 0, 0
    while start < len(text) - best:
        while start + best < len(text) and text[start : start + best + 1] in inside:
            best += 1
        start += 1
    return best / len(text)


# an answer that says that it does not know claims nothing
UNKNOWN = re.compile(
    r"\b(?:i (?:do not|don't|cannot|can't|could not|couldn't) (?:know|say|tell|find|answer)|no information|"
    r"(?:is|are) not (?:stated|mentioned|given|specified)|unable to (?:find|answer))\b|"
    r"(?:分か|わか)り(?:ません|かねます)|(?:記載|情報|記述)(?:は|が)(?:ありません|見つかりません|ない)|お答えできません|不明です",
    re.I,
)


def abstains(answer: str) -> bool:
    """Whether an answer says that it cannot tell."""
    return not units(answer) or UNKNOWN.search(answer) is not None


def shipped() -> Doubts:
    """The network that comes with Ryorin."""
    return Doubts(
        np.array(weights.MEAN),
        np.array(weights.SCALE),
        np.array(weights.INNER),
        np.array(weights.SHIFT),
        np.array(weights.OUTER),
        np.array(weights.DIRECT),
        weights.BIAS,
    )
