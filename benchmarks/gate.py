"""How well does the gating network choose, and what does a decision cost?

BANKING77's intents and CLINC150's intents and domains as experts, with the official splits: trained as the product
trains on the training rows (CLINC150 with the validation rows that belong to no intent), judged on the test rows.
Beside it on the same vectors in the same run: the nearest centroid, and a linear probe (multinomial logistic
regression), which is the most that a linear reading of this embedding gives.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpora import rows
from benchmarks.measure import Machine, data_folder, models_folder, percentile, report, say
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.contexts.knowledge.domain.centring import centred
from ryorin.contexts.routing.domain.features import features
from ryorin.contexts.routing.domain.gate import NONE, Gate, Material, nearest_centroid, train
from ryorin.contexts.routing.domain.network import PROTOTYPES, STANDARD, Recipe, softmax, train_layers
from ryorin.contexts.routing.domain.quality import auroc, calibration_error, macro_f1
from ryorin.contexts.routing.domain.scope import signs

OUTSIDE = "oos"
BATCH = 256
TIMED = 2000
# the best of .0001, .001, .01, .03 and .1 on a tenth of BANKING77's training rows
LINEAR = Recipe(hidden=0, dropout=0.0, noise=0.0, smoothing=0.0, decay=0.03)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Judged:
    """What a set's test rows say."""

    figures: dict[str, float]
    baseline: dict[str, float]
    gate: Gate
    test: Material


def embedded(engine: OnnxE5Engine, texts: Sequence[str]) -> tuple[Floats, float]:
    """Vectors around the origin, and milliseconds for one text."""
    space, found, started = centred(engine), [], time.perf_counter()
    for first in range(0, len(texts), BATCH):
        found.append(space.embed_queries(texts[first : first + BATCH]))
    return np.concatenate(found), (time.perf_counter() - started) * 1000 / len(texts)


def material(
    vectors: Floats, told: Sequence[dict[str, Any]], which: Sequence[int], names: Sequence[str], field: str
) -> Material:
    """Some rows as the trainer takes them."""
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers.get(told[at][field], NONE) for at in which], dtype=np.int64)
    return Material(vectors[list(which)], tuple(told[at]["text"] for at in which), labels)


def probe(fitted: Material, test: Material, classes: int) -> tuple[float, Floats]:
    """A linear probe's accuracy and logits on the test rows: the same trainer without a hidden layer or noise."""
    inside = fitted.only(np.flatnonzero(fitted.labels >= 0))
    layers = train_layers(features(inside.vectors, inside.texts), inside.labels, classes, seed=1, recipe=LINEAR)
    logits = layers.logits(features(test.vectors, test.texts))
    known = test.labels >= 0
    return float((logits[known].argmax(axis=1) == test.labels[known]).mean()), logits


def judge(name: str, fitted: Material, test: Material, names: Sequence[str]) -> Judged:
    """Train on some rows, judge on others."""
    started = time.perf_counter()
    gate, _ = train(fitted, names)
    seconds = time.perf_counter() - started
    weights, inside = gate.decide(test.vectors, test.texts)
    known = test.labels >= 0
    said, wanted = weights[known].argmax(axis=1), test.labels[known]
    linear, logits = probe(fitted, test, len(names))
    away = fitted.only(np.flatnonzero(fitted.labels >= 0))
    nearest = nearest_centroid(away, test.vectors[known])
    figures = {
        f"{name}_accuracy": float((said == wanted).mean()),
        f"{name}_macro_f1": macro_f1(said, wanted),
        f"{name}_calibration_error": calibration_error(weights[known], wanted),
        f"{name}_training_s": seconds,
    }
    baseline = {
        f"{name}_centroid_accuracy": float((nearest == wanted).mean()),
        f"{name}_centroid_macro_f1": macro_f1(nearest, wanted),
        f"{name}_linear_accuracy": linear,
        f"{name}_linear_macro_f1": macro_f1(logits[known].argmax(axis=1), wanted),
        f"{name}_linear_calibration_error": calibration_error(softmax(logits)[known], wanted),
    }
    if not known.all():
        figures[f"{name}_oos_auroc"] = auroc(inside[known], inside[~known])
        certain = softmax(logits).max(axis=1)
        baseline[f"{name}_linear_oos_auroc"] = auroc(certain[known], certain[~known])
        likeness = signs(logits, test.vectors, gate.centres)[:, 3]
        baseline[f"{name}_centroid_oos_auroc"] = auroc(likeness[known], likeness[~known])
    say(f"{name}: " + ", ".join(f"{key} {value:.4f}" for key, value in {**figures, **baseline}.items()))
    return Judged(figures, baseline, gate, test)


def timed(judged: Judged, count: int) -> list[float]:
    """Milliseconds of one decision at a time, without the embedding."""
    taken = []
    for number in range(count):
        at = number % len(judged.test.texts)
        started = time.perf_counter()
        judged.gate.decide(judged.test.vectors[at : at + 1], judged.test.texts[at : at + 1])
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def run(folder: Path, models: Path, quick: bool) -> None:
    """Embed, train, judge, time."""
    machine, engine = Machine(), OnnxE5Engine(models, threads=2)
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    timings: list[float] = []
    for name, fields in (("banking77", ("intent",)), ("clinc150", ("intent", "domain"))):
        told = list(rows(folder, f"routing_{name}"))
        if quick:
            few = set(sorted({row["intent"] for row in told} - {OUTSIDE})[:6]) | {OUTSIDE}
            told = [row for row in told if row["intent"] in few]
        vectors, each = embedded(engine, [row["text"] for row in told])
        say(f"{name}: {len(told)} rows embedded, {each:.2f} ms each")
        figures[f"{name}_embedding_ms"] = each
        fitted = [
            at
            for at, row in enumerate(told)
            if row["split"] == "train" or (row["split"] == "val" and row["intent"] == OUTSIDE)
        ]
        test = [at for at, row in enumerate(told) if row["split"] == "test"]
        for field in fields:
            names = sorted({row[field] for row in told} - {OUTSIDE})
            key = name if field == "intent" else f"{name}_{field}"
            judged = judge(
                key, material(vectors, told, fitted, names, field), material(vectors, told, test, names, field), names
            )
            figures |= judged.figures
            baseline |= judged.baseline
            timings = timed(judged, 50 if quick else TIMED) if field == "intent" else timings
            figures |= {"gate_p50_ms": percentile(timings, 50), "gate_p99_ms": percentile(timings, 99)}
    rounded = {key: round(value, 4) for key, value in figures.items()}
    config = {"hidden": STANDARD.hidden, "prototypes": PROTOTYPES, "embedding": engine.model_id, "quick": quick}
    report("gate", rounded, {key: round(value, 4) for key, value in baseline.items()}, machine, config)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="six intents of each set, for correctness only")
    arguments = parser.parse_args()
    folder = data_folder()
    with models_folder() as models:
        run(folder, models, arguments.quick)


if __name__ == "__main__":
    main()
