"""A style as it is in samples, and how likely a text is of the same: by what the samples have in common.

Rates are square roots, so that rare ones count, less the mean of a background and divided by how much texts of one
source differ among themselves; what two have in common is the cosine of that (cosine delta; Evert et al., 2017). How
much has to be in common is another thing for a strict style than for a loose one, so half of what the samples have in
common among themselves is taken off. The background, and the logistic that makes a chance of the rest, come from
`benchmarks/style_training.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.evaluation.domain import style_background as background
from ryorin.contexts.evaluation.domain.style import (
    AXES,
    FUNCTION_EN,
    GRAMS,
    HABITS,
    HASHED,
    MIN_CHARACTERS,
    PARTICLES_JA,
    Fingerprint,
    Vector,
    fingerprint,
    language_of,
)
from ryorin.contexts.evaluation.domain.style_words import in_words
from ryorin.contexts.evaluation.ports import Tagger
from ryorin.contexts.evaluation.specs import Language, StyleGenome, StyleMeasure
from ryorin.kernel.errors import InvalidInput

MIN_SAMPLES = 5
MAX_SAMPLES = 500
# a text's rate may be this far from the background's before it counts no further
FAR = 4.0
# deviations that are told
TOLD = 5
# what the background says of how much a habit varies counts as much as so many samples
PRIOR_SAMPLES = 5
# of a habit that the background knows nothing of
LEAST_SPREAD = 0.05
# how much of their own coherence is taken off: of 0, .5 and 1 the best on the houses of `make bench-style`
OWN = 0.5


def genome_of(samples: Sequence[str], tagger: Tagger) -> StyleGenome:
    """The style of samples of one language; raises InvalidInput for too few, too short or mixed ones."""
    if not MIN_SAMPLES <= len(samples) <= MAX_SAMPLES:
        raise InvalidInput(f"a style is measured on {MIN_SAMPLES}-{MAX_SAMPLES} samples, not {len(samples)}")
    languages = {language_of(sample) for sample in samples}
    if len(languages) > 1:
        raise InvalidInput("the samples are in two languages; measure a style of each")
    made = [fingerprint(sample, tagger, next(iter(languages))) for sample in samples]
    for number, one in enumerate(made, start=1):
        if not one.enough:
            least = MIN_CHARACTERS[one.language]
            raise InvalidInput(f"sample {number} has {one.characters} characters; {least} are needed to tell its style")
    habits = np.array([[one.habits[name] for name in HABITS] for one in made])
    vectors = np.array([whitened(one) for one in made])
    return StyleGenome(
        language=made[0].language,
        samples=len(made),
        centre=tuple(round(float(value), 4) for value in vectors.mean(axis=0)),
        habits=dict(zip(HABITS, habits.mean(axis=0).round(5).tolist(), strict=True)),
        spread=dict(zip(HABITS, habits.std(axis=0, ddof=1).round(5).tolist(), strict=True)),
        coherence=round(coherence(vectors), 4),
        features=background.FEATURES,
    )


def measured(text: str, tagger: Tagger, genome: StyleGenome | None = None) -> StyleMeasure:
    """A text's style, and how it lies to a genome; what is too short or of another language is abstained from."""
    made = fingerprint(text, tagger)
    if genome is None:
        return StyleMeasure(made.language, made.characters, made.habits)
    usual = _usual_spread(genome.language)
    scores = {
        name: (made.habits[name] - genome.habits[name]) / _spread(genome, name, usual.get(name))
        for name in genome.habits
    }
    furthest = _furthest(scores)
    likeness, parts = _compared(made, genome)
    why = _abstained(made, genome)
    chance = None if why or likeness is None else same_chance(evidence(likeness, genome.coherence), made.language)
    return StyleMeasure(
        language=made.language,
        characters=made.characters,
        habits=made.habits,
        likeness=likeness,
        same=chance,
        likelihood_ratio=None if chance is None else chance / (1 - chance),
        abstained=why,
        deviations=furthest,
        radar=radar(scores),
        parts=_furthest(parts),
        told=in_words(made.language, furthest, made.habits, genome.habits) if made.language == genome.language else (),
    )


def whitened(made: Fingerprint) -> Vector:
    """Rates and habits against the background of the language, in units of what texts of one source differ by; pairs
    of parts of speech are the last.
    """
    known = background.OF[made.language]
    counted = np.concatenate(
        [np.sqrt(made.functions), np.sqrt(made.grams), np.array([made.habits[name] for name in HABITS])]
    )[known.kept]
    rates = np.concatenate([counted, np.sqrt([made.parts.get(name, 0.0) for name in known.parts])])
    return np.clip((rates - known.mean) / known.scale, -FAR, FAR)


def coherence(vectors: NDArray[np.float64]) -> float:
    """How near samples (n, features) lie to the mean of the others: the mean cosine."""
    rest = (vectors.sum(axis=0) - vectors) / (len(vectors) - 1)
    return float(np.mean([cosine(one, others) for one, others in zip(vectors, rest, strict=True)]))


def evidence(likeness: float, coherence: float) -> float:
    """What speaks for one source: what a text has in common with samples, less half of what they have themselves."""
    return likeness - OWN * coherence


def cosine(first: Vector, second: Vector) -> float:
    """Of two vectors; nothing has nothing in common."""
    sizes = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / sizes if sizes else 0.0


def same_chance(found: float, language: Language) -> float:
    """The chance by such evidence that a text is of the same source, if that was as likely as not before."""
    known = background.OF[language]
    return 1 / (1 + math.exp(-max(-20.0, min(20.0, known.slope * (found - known.middle)))))


def radar(scores: Mapping[str, float]) -> dict[str, float]:
    """The axes that are drawn: mean z-scores, 0 where the text is as the samples are."""
    return {axis: round(sum(scores[name] for name in names) / len(names), 3) for axis, names in AXES.items()}


def _compared(made: Fingerprint, genome: StyleGenome) -> tuple[float | None, dict[str, float]]:
    """The cosine, and by how much pairs of parts of speech differ; nothing where there is nothing to compare with."""
    if made.language != genome.language or genome.features != background.FEATURES:
        return None, {}
    own, centre = whitened(made), np.array(genome.centre)
    names = background.OF[made.language].parts
    differ = (own - centre)[-len(names) :]
    return cosine(own, centre), dict(zip(names, differ.tolist(), strict=True))


def _usual_spread(language: Language) -> dict[str, float]:
    """By how much texts of one source differ in each habit; those that are too rare to be told are left out."""
    known = background.OF[language]
    first = len(FUNCTION_EN if language == "en" else PARTICLES_JA) + HASHED * len(GRAMS)
    scales = dict(zip(known.kept.tolist(), known.scale.tolist(), strict=False))
    return {name: scales[first + at] for at, name in enumerate(HABITS) if first + at in scales}


def _spread(genome: StyleGenome, name: str, usual: float | None) -> float:
    """The standard deviation of a habit: few samples, or such as are all alike, say less of it than others do."""
    own = genome.spread[name]
    if usual is None:
        return max(own, LEAST_SPREAD)
    total = (genome.samples - 1) * own**2 + PRIOR_SAMPLES * usual**2
    return math.sqrt(total / (genome.samples - 1 + PRIOR_SAMPLES))


def _furthest(scores: Mapping[str, float]) -> dict[str, float]:
    far = sorted(scores, key=lambda name: -abs(scores[name]))[:TOLD]
    return {name: round(scores[name], 2) for name in far}


def _abstained(made: Fingerprint, genome: StyleGenome) -> str | None:
    if made.language != genome.language:
        return f"the text is {made.language} and the style {genome.language}"
    if genome.features != background.FEATURES:
        return "the style was measured by another version of Ryorin: put it again from its samples"
    if not made.enough:
        return f"{made.characters} characters are too few; {MIN_CHARACTERS[made.language]} tell a style"
    return None
