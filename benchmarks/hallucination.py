"""How well are answers told that are not borne out by their sources, beside what length and shared words alone tell?

Dev halves, five folds that share no passage: each answer is judged by a network that saw none of its fold. A source's
`auroc` and `f1` (at a doubt of one half) have 95 % intervals by resampling; the length-matched swap sets are in both
languages, and an answer to another question of the same passage is the hard half of them. Items without a context are
abstained from, which is an outcome; `items_without_outcome` have none. There are no Japanese labels of people: the
Japanese figures are of swapped answers only. `seconds_per_item` is of the shipped network, vectors included.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.hallucination_training import (
    FOLDS,
    SETS,
    Material,
    doubts,
    material,
    read,
    said,
    source,
    train,
)
from benchmarks.measure import Machine, data_folder, models_folder, report, say
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.contexts.evaluation.domain.overlap import units
from ryorin.contexts.evaluation.module import Scoring
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, Metric
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.module import centred

RESAMPLES = 1000
TIMED = 100

Array = NDArray[np.float64]


def auroc(scores: Array, labels: Array) -> float:
    """The chance that a wrong answer is doubted more than a right one; ties count half."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    wrong = labels.sum()
    return float((ranks[labels == 1].sum() - wrong * (wrong + 1) / 2) / (wrong * (len(labels) - wrong)))


def f1(scores: Array, labels: Array) -> float:
    """Of wrong answers, at a doubt of one half."""
    said = scores > 0.5
    return float(2 * (said & (labels == 1)).sum() / max(1, said.sum() + labels.sum()))


def interval(measure: Any, scores: Array, labels: Array) -> tuple[float, float]:
    """Bounds by resampling items."""
    random, found = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        chosen = random.integers(0, len(labels), len(labels))
        if 0 < labels[chosen].sum() < len(labels):
            found.append(measure(scores[chosen], labels[chosen]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def by_folds(found: Material) -> Array:
    """Doubts by networks that saw nothing of the item's fold."""
    made = np.zeros(len(found.labels))
    for fold in range(FOLDS):
        net = train(found, found.folds != fold)
        made[found.folds == fold] = doubts(net, found)[found.folds == fold]
        say(f"fold {fold + 1} of {FOLDS}")
    return made


def shortcuts(found: Material) -> dict[str, Array]:
    """What needs no method: length in characters, and the share of words that stand in the context."""
    lengths = np.array([len(row["answer"]) for row in found.rows], dtype=np.float64)
    unknown = []
    for row in found.rows:
        said, there = units(row["answer"]), set(units(row["context"]))
        unknown.append(sum(one not in there for one in said) / max(1, len(said)))
    return {"length": lengths, "overlap": np.array(unknown)}


class _Nobody:
    """No model is asked: the network alone answers."""

    async def answer(self, *arguments: Any) -> Answered:
        raise NotImplementedError

    judge = answer


async def outcomes(rows: list[dict[str, Any]]) -> tuple[int, int, float]:
    """Items without an outcome and abstained ones, by the metric as it is shipped; seconds for each."""
    with models_folder() as folder:
        engine = centred(OnnxE5Engine(folder))

        class Vectors:
            async def vectors(self, texts: Any) -> NDArray[np.float32]:
                return np.asarray(engine.embed_passages(list(texts)), dtype=np.float32)

        scoring = Scoring(_Nobody(), Vectors(), None, None, None, None, None)  # type: ignore[arg-type]  # neither schemas nor styles are looked at
        nothing = abstained = 0
        began = time.perf_counter()
        for number, row in enumerate(rows):
            contexts = (row["context"],) if row["context"] else ()
            item = DatasetItem(str(number), row["question"])
            score = await scoring.score(
                Metric("hallucination"), item, Answered(row["answer"], contexts), LOCAL_ADMINISTRATOR
            )
            scored = score.outcome == "scored" and score.value is not None and 0 <= score.value <= 1
            abstained += score.outcome == "abstained"
            nothing += not scored and score.outcome != "abstained"
        return nothing, abstained, (time.perf_counter() - began) / len(rows)


def run(share: float) -> None:
    """The whole benchmark."""
    machine, rows = Machine(), read(data_folder(), "dev")
    random = np.random.default_rng(0)
    rows = [row for row in rows if random.random() < share]
    given = [row for row in rows if row["context"]]
    found = material([*given, *said(given)])
    made = by_folds(found)
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    for name in sorted(set(found.sources)):
        chosen = found.sources == name
        scores, labels = made[chosen], found.labels[chosen]
        for what, measure in (("auroc", auroc), ("f1", f1)):
            low, high = interval(measure, scores, labels)
            figures |= {
                f"{name}_{what}": round(measure(scores, labels), 3),
                f"{name}_{what}_low": round(low, 3),
                f"{name}_{what}_high": round(high, 3),
            }
        for shortcut, values in shortcuts(found).items():
            baseline[f"{name}_{shortcut}_auroc"] = round(auroc(values[chosen], labels), 3)
    # as they are in the sets, without those that were made sentences
    own = np.arange(len(found.labels)) < len(given)
    for what, measure in (("auroc", auroc), ("f1", f1)):
        low, high = interval(measure, made[own], found.labels[own])
        figures |= {what: round(measure(made[own], found.labels[own]), 3)}
        figures |= {f"{what}_low": round(low, 3), f"{what}_high": round(high, 3)}
    for shortcut, values in shortcuts(found).items():
        baseline[f"{shortcut}_auroc"] = round(auroc(values[own], found.labels[own]), 3)
    nothing, abstained, seconds = asyncio.run(outcomes(rows))
    figures |= {
        "items_without_outcome": nothing,
        "items_abstained": abstained,
        "items_without_context": sum(not row["context"] for row in rows),
        "seconds_per_item": round(seconds, 4),
    }
    counts = {name: sum(source(row) == name for row in rows) for name in sorted({source(row) for row in rows})}
    report("hallucination", figures, baseline, machine, {"sets": SETS, "items": counts, "folds": FOLDS})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twenty-fifth of the items, for correctness only")
    run(0.04 if parser.parse_args().quick else 1.0)


if __name__ == "__main__":
    main()
