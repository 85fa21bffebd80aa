"""Is a text of the same source as samples are, by its style and not by its topic?

Houses that are compared are never those that the background and the logistic were made of. `auc` and `c_at_1` (Peñas &
Rodrigo, 2011; chances of .4 to .6 are abstained from) are of a text against ten samples. The content swap takes a
house's own texts whose topic is furthest from the samples, and as many of the others whose topic is nearer, pair by
pair: what measures topic is below one half there, as the baseline by vectors of the topic is. `without_parts` is the
same without pairs of parts of speech. `min_characters` is the least length from which on the AUC is at least .8.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from benchmarks.hallucination import auroc
from benchmarks.measure import Machine, data_folder, models_folder, report, say
from benchmarks.style_training import OF_A_HOUSE, SAMPLES, Material, fitted, likenesses, logistic, material
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.contexts.evaluation.specs import Language
from ryorin.contexts.knowledge.module import centred

LENGTHS: dict[Language, tuple[int, ...]] = {"en": (200, 400, 1000, 2000), "ja": (100, 200, 500, 1000)}
TOLD: dict[Language, int] = {"en": 1000, "ja": 500}
GOOD = 0.8
OPEN = (0.4, 0.6)

Matrix = NDArray[np.float64]


def c_at_1(chances: Matrix, labels: Matrix) -> float:
    """Right answers, with what is left open counted as right at the rate of the others."""
    left = (chances > OPEN[0]) & (chances < OPEN[1])
    right = (((chances > 0.5) == (labels == 1)) & ~left).sum()
    return float((right + left.sum() * right / len(labels)) / len(labels))


def swapped(who: list[tuple[NDArray[np.int64], int]], topics: Matrix, labels: Matrix) -> NDArray[np.bool_]:
    """Own texts that lie far in topic, and as many of others that lie nearer, pair by pair."""
    near = np.array([float(topics[at] @ topics[reference].mean(axis=0)) for reference, at in who])
    kept = np.zeros(len(who), dtype=bool)
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, (reference, _) in enumerate(who):
        groups[tuple(reference.tolist())].append(number)
    for numbers in groups.values():
        places = np.array(numbers)
        own, others = places[labels[places] == 1], places[labels[places] == 0]
        far, close = own[np.argsort(near[own])], others[np.argsort(-near[others])]
        pairs = min(len(far), len(close))
        inverted = int((near[far[:pairs]] < near[close[:pairs]]).sum())
        kept[far[:inverted]] = True
        kept[close[:inverted]] = True
    return kept


def measured(found: Material, topics: Matrix) -> dict[str, float]:
    """Means over all pairs of houses that were left out together."""
    figures: dict[str, list[float]] = defaultdict(list)
    names = sorted(set(found.houses))
    for pair in itertools.combinations(names, 2):
        others = ~np.isin(found.houses, pair)
        made = fitted(found, others)
        space = made.whitened(found.values)
        random = np.random.default_rng(0)
        slope, middle = logistic(
            *likenesses(space, found.houses, [one for one in names if one not in pair], random)[:2]
        )
        scores, labels, who = likenesses(space, found.houses, pair, random)
        if not 0 < labels.sum() < len(labels):
            continue
        chances = 1 / (1 + np.exp(-slope * (scores - middle)))
        near = np.array([float(topics[at] @ topics[reference].mean(axis=0)) for reference, at in who])
        swap = swapped(who, topics, labels)
        figures["auc"].append(auroc(scores, labels))
        figures["c_at_1"].append(c_at_1(chances, labels))
        figures["topic_auc"].append(auroc(near, labels))
        if 0 < labels[swap].sum() < swap.sum():  # topics of some houses are all nearer to themselves
            figures["swap_auc"].append(auroc(scores[swap], labels[swap]))
            figures["topic_swap_auc"].append(auroc(near[swap], labels[swap]))
    return {name: round(float(np.mean(values)), 3) for name, values in figures.items()}


def without_parts(found: Material) -> Material:
    """The same without pairs of parts of speech."""
    return dataclasses.replace(found, values=found.values[:, : -len(found.parts)], parts=())


def run(quick: bool) -> None:
    """The whole benchmark."""
    machine, folder = Machine(), data_folder()
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    with models_folder() as models:
        engine = centred(OnnxE5Engine(models))
        for language, lengths in LENGTHS.items():
            enough = None
            for length in (TOLD[language],) if quick else lengths:
                found = material(folder, language, length, OF_A_HOUSE // 4 if quick else OF_A_HOUSE)
                topics = np.asarray(engine.embed_passages([one.text[:400] for one in found.texts]), dtype=np.float64)
                made = measured(found, topics)
                say(f"{language}, {length} characters, {len(found.texts)} texts: {made}")
                if enough is None and made["auc"] >= GOOD:
                    enough = length
                if length == TOLD[language]:
                    figures |= {f"{language}_{name}": made[name] for name in ("auc", "c_at_1", "swap_auc")}
                    baseline |= {f"{language}_{name}": made[name] for name in ("topic_auc", "topic_swap_auc")}
                    bare = measured(without_parts(found), topics)
                    baseline |= {f"{language}_{name}_without_parts": bare[name] for name in ("auc", "swap_auc")}
                else:
                    figures[f"{language}_auc_at_{length}"] = made["auc"]
            figures[f"{language}_min_characters"] = enough or 0
    report("style", figures, baseline, machine, {"lengths": TOLD, "samples": SAMPLES})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one length, for correctness only")
    run(parser.parse_args().quick)


if __name__ == "__main__":
    main()
