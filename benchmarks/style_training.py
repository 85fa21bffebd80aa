"""Measures the background of styles and the logistic of likeness, and writes them into the package."""

from __future__ import annotations

import argparse
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import data_folder, say
from benchmarks.style_texts import Text, texts
from ryorin.adapters.taggers.parts_of_speech import PartsOfSpeech
from ryorin.contexts.evaluation.domain import style
from ryorin.contexts.evaluation.domain.genome import coherence, evidence
from ryorin.contexts.evaluation.domain.style import HABITS, Fingerprint, fingerprint
from ryorin.contexts.evaluation.specs import Language

LENGTHS: dict[Language, int] = {"en": 1000, "ja": 500}
OF_A_HOUSE = 80
SAMPLES = 10
REPEATS = 5
COMMON = 0.1
FAR = 4.0
BACKGROUND = Path(style.__file__).with_name("style_background.py")

HEAD = (
    '"""Made by `python -m benchmarks.style_training`; not by hand."""',
    "",
    "from __future__ import annotations",
    "",
    "from dataclasses import dataclass",
    "",
    "import numpy as np",
    "from numpy.typing import NDArray",
    "",
    "",
    "@dataclass(frozen=True, slots=True)",
    "class Background:",
    '    """Features that are kept, by place and pairs of parts of speech by name; mean and scale of both; slope and',
    "    middle of the chance.",
    '    """',
    "",
    "    kept: NDArray[np.int64]",
    "    parts: tuple[str, ...]",
    "    mean: NDArray[np.float64]",
    "    scale: NDArray[np.float64]",
    "    slope: float",
    "    middle: float",
    "",
    "",
    "# what tells this background from any other",
)

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Material:
    """Texts of one language with their raw features (n, features), the last of which are pairs of parts of speech of
    these names; and their houses.
    """

    language: Language
    texts: Sequence[Text]
    values: Matrix
    parts: Sequence[str]
    houses: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a background is made of."""

    kept: NDArray[np.int64]
    mean: Matrix
    scale: Matrix

    def whitened(self, values: Matrix) -> Matrix:
        """As the package does it."""
        return np.clip((values[:, self.kept] - self.mean) / self.scale, -FAR, FAR)


def material(folder: Path, language: Language, length: int, of_a_house: int = OF_A_HOUSE, seed: int = 0) -> Material:
    """At most so many texts of each house."""
    random = np.random.default_rng(seed)
    found = list(texts(folder, language, length))
    chosen: list[Text] = []
    for house in sorted({one.house for one in found}):
        own = [one for one in found if one.house == house]
        chosen += [own[at] for at in random.permutation(len(own))[:of_a_house]]
    tagger = PartsOfSpeech()
    made = [fingerprint(one.text, tagger, language) for one in chosen]
    counts = Counter(name for one in made for name in one.parts)
    parts = sorted(name for name, count in counts.items() if count > COMMON * len(made) / 2)
    values = np.array([raw(one, parts) for one in made])
    return Material(language, chosen, values, parts, np.array([one.house for one in chosen]))


def raw(made: Fingerprint, parts: Sequence[str]) -> Matrix:
    """Features before whitening."""
    habits = np.array([made.habits[name] for name in HABITS])
    pairs = np.sqrt([made.parts.get(name, 0.0) for name in parts])
    return np.concatenate([np.sqrt(made.functions), np.sqrt(made.grams), habits, pairs])


def fitted(found: Material, chosen: NDArray[np.bool_]) -> Fitted:
    """The background of some houses: what is common enough, its mean, and how much texts of one house differ."""
    values, houses = found.values[chosen], found.houses[chosen]
    common = (values != 0).mean(axis=0) > COMMON
    kept = np.flatnonzero(common)
    within = sum(
        ((values[houses == one][:, kept] - values[houses == one][:, kept].mean(axis=0)) ** 2).sum(axis=0)
        for one in np.unique(houses)
    )
    scale = np.sqrt(within / (len(values) - len(np.unique(houses)))) + 1e-6
    return Fitted(kept, values[:, kept].mean(axis=0), scale)


def likenesses(
    space: Matrix, houses: NDArray[np.str_], among: Sequence[str], random: np.random.Generator, samples: int = SAMPLES
) -> tuple[Matrix, Matrix, list[tuple[NDArray[np.int64], int]]]:
    """Evidence against styles of samples, and whether each is of the same house; which were samples, and compared."""
    scores, labels, who = [], [], []
    for house in among:
        own = np.flatnonzero(houses == house)
        if len(own) < samples + 5:
            continue
        for _ in range(REPEATS):
            reference = random.choice(own, samples, replace=False)
            centre, own_coherence = space[reference].mean(axis=0), coherence(space[reference])
            others = np.flatnonzero(np.isin(houses, among) & (houses != house))
            for at in (*np.setdiff1d(own, reference), *others):
                size = np.linalg.norm(space[at]) * np.linalg.norm(centre) + 1e-12
                scores.append(evidence(float(space[at] @ centre / size), own_coherence))
                labels.append(float(houses[at] == house))
                who.append((reference, int(at)))
    return np.array(scores), np.array(labels), who


def logistic(scores: Matrix, labels: Matrix) -> tuple[float, float]:
    """Slope and middle of the chance, as if both were as likely."""
    weights = np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (len(labels) - labels.sum()))
    slope, shift = 5.0, 0.0
    for _ in range(4000):
        chance = 1 / (1 + np.exp(-(slope * scores + shift)))
        error = weights * (chance - labels)
        slope, shift = slope - 20 * float(error @ scores), shift - 5 * float(error.sum())
    return slope, -shift / slope


def numbers(values: Iterable[float]) -> str:
    """As they stand in the file."""
    return ", ".join(f"{value:.4g}" for value in values)


def written(found: Material) -> list[str]:
    """The lines of a language."""
    made = fitted(found, np.ones(len(found.texts), dtype=bool))
    scores, labels, _ = likenesses(
        made.whitened(found.values), found.houses, sorted(set(found.houses)), np.random.default_rng(0)
    )
    slope, middle = logistic(scores, labels)
    counted = found.values.shape[1] - len(found.parts)
    parts = [found.parts[at - counted] for at in made.kept if at >= counted]
    say(
        f"{found.language}: {len(found.texts)} texts, {len(made.kept)} features, {len(parts)} of them parts of speech, "
        f"slope {slope:.3g}, middle {middle:.3g}"
    )
    return [
        f'    "{found.language}": Background(',
        f"        np.array([{', '.join(map(str, made.kept[made.kept < counted]))}]),",
        f"        tuple({json.dumps(' | '.join(parts), ensure_ascii=False)}.split(' | ')),",
        f"        np.array([{numbers(made.mean)}]),",
        f"        np.array([{numbers(made.scale)}]),",
        f"        {slope:.4g},",
        f"        {middle:.4g},",
        "    ),",
    ]


def main() -> None:
    """Measure on all houses, and write."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    folder = data_folder()
    lines = [line for language, length in LENGTHS.items() for line in written(material(folder, language, length))]
    checksum = zlib.crc32("".join(lines).encode())
    BACKGROUND.write_text("\n".join([*HEAD, f"FEATURES = {checksum}", "OF = {", *lines, "}", ""]))


if __name__ == "__main__":
    main()
