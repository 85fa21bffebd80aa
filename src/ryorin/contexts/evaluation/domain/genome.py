"""A style as it is in samples, and how likely a text is of the same: by what the samples have in common.

Rates are square roots, so that rare ones count, less the mean of a background and divided by how much texts of one
source differ among themselves; what two have in common is the cosine of that (cosine delta; Evert et al., 2017). The
background, and the logistic that makes a chance of a cosine, come from `benchmarks/style_training.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ryorin.contexts.evaluation.domain import style_background as background
from ryorin.contexts.evaluation.domain.style import (
    AXES,
    HABITS,
    MIN_CHARACTERS,
    Fingerprint,
    Vector,
    fingerprint,
    language_of,
)
from ryorin.contexts.evaluation.specs import Language, StyleGenome, StyleMeasure
from ryorin.kernel.errors import InvalidInput

MIN_SAMPLES = 5
MAX_SAMPLES = 500
# a text's rate may be this far from the background's before it counts no further
FAR = 4.0
# deviations that are told
TOLD = 5


def genome_of(samples: Sequence[str]) -> StyleGenome:
    """The style of samples of one language; raises InvalidInput for too few, too short or mixed ones."""
    if not MIN_SAMPLES <= len(samples) <= MAX_SAMPLES:
        raise InvalidInput(f"a style is measured on {MIN_SAMPLES}-{MAX_SAMPLES} samples, not {len(samples)}")
    languages = {language_of(sample) for sample in samples}
    if len(languages) > 1:
        raise InvalidInput("the samples are in two languages; measure a style of each")
    made = [fingerprint(sample, next(iter(languages))) for sample in samples]
    for number, one in enumerate(made, start=1):
        if not one.enough:
            least = MIN_CHARACTERS[one.language]
            raise InvalidInput(f"sample {number} has {one.characters} characters; {least} are needed to tell its style")
    habits = np.array([[one.habits[name] for name in HABITS] for one in made])
    centre = np.mean([whitened(one) for one in made], axis=0)
    return StyleGenome(
        language=made[0].language,
        samples=len(made),
        centre=tuple(round(float(value), 4) for value in centre),
        habits=dict(zip(HABITS, habits.mean(axis=0).round(5).tolist(), strict=True)),
        spread=dict(zip(HABITS, habits.std(axis=0, ddof=1).round(5).tolist(), strict=True)),
    )


def measured(text: str, genome: StyleGenome | None = None) -> StyleMeasure:
    """A text's style, and how it lies to a genome; what is too short or of another language is abstained from."""
    made = fingerprint(text)
    if genome is None:
        return StyleMeasure(made.language, made.characters, made.habits)
    scores = {
        name: (made.habits[name] - genome.habits[name]) / max(genome.spread[name], 1e-3) for name in genome.habits
    }
    why = _abstained(made, genome)
    likeness = 0.0 if why and made.language != genome.language else cosine(whitened(made), np.array(genome.centre))
    chance = None if why else same_chance(likeness, made.language)
    far = sorted(scores, key=lambda name: -abs(scores[name]))[:TOLD]
    return StyleMeasure(
        language=made.language,
        characters=made.characters,
        habits=made.habits,
        likeness=likeness,
        same=chance,
        likelihood_ratio=None if chance is None else chance / (1 - chance),
        abstained=why,
        deviations={name: round(scores[name], 2) for name in far},
        radar=radar(scores),
    )


def whitened(made: Fingerprint) -> Vector:
    """Rates and habits against the background of the language, in units of what texts of one source differ by."""
    known = background.OF[made.language]
    rates = np.concatenate(
        [np.sqrt(made.functions), np.sqrt(made.grams), np.array([made.habits[name] for name in HABITS])]
    )[known.kept]
    return np.clip((rates - known.mean) / known.scale, -FAR, FAR)


def cosine(first: Vector, second: Vector) -> float:
    """Of two vectors; nothing has nothing in common."""
    sizes = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / sizes if sizes else 0.0


def same_chance(likeness: float, language: Language) -> float:
    """The chance that a text is of the same source, if that was as likely as not before."""
    known = background.OF[language]
    return 1 / (1 + math.exp(-max(-20.0, min(20.0, known.slope * (likeness - known.middle)))))


def radar(scores: Mapping[str, float]) -> dict[str, float]:
    """The axes that are drawn: mean z-scores, 0 where the text is as the samples are."""
    return {axis: round(sum(scores[name] for name in names) / len(names), 3) for axis, names in AXES.items()}


def _abstained(made: Fingerprint, genome: StyleGenome) -> str | None:
    if made.language != genome.language:
        return f"the text is {made.language} and the style {genome.language}"
    if not made.enough:
        return f"{made.characters} characters are too few; {MIN_CHARACTERS[made.language]} tell a style"
    return None
