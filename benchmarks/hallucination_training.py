"""Trains the network that doubts claims, on the dev halves of the hallucination sets, and writes it into the package.

Answers are labelled, claims are not: an answer's log-odds are a smooth maximum over its claims (multiple instances).
The sources weigh the same however many items they have. Three networks, each from another seed, are one with three
times the hidden units.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import corpora
from benchmarks.measure import data_folder, models_folder, say
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.contexts.evaluation.domain import faithfulness
from ryorin.contexts.evaluation.domain.faithfulness import SHARPNESS, Doubts, Ground, sentences_of
from ryorin.contexts.knowledge.module import centred

SETS = ("hallucination_{}", "hallucination_swap_en_{}", "hallucination_swap_ja_{}")
FORMS = {"swap_en": ("It is {}.", "The answer is {}."), "swap_ja": ("{}です。", "答えは{}です。")}
FOLDS = 5
HIDDEN, SEEDS = 12, 3
STEPS, LEARNING_RATE, L2 = 400, 0.01, 2e-3
BATCH = 64
MAX_QUESTION = 500
WEIGHTS = Path(faithfulness.__file__).with_name("faithfulness_weights.py")

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Material:
    """Items with a context: features of all claims (claims, FEATURES), whose they are, labels, sources, folds."""

    rows: Sequence[dict[str, Any]]
    features: Matrix
    owners: NDArray[np.int64]
    labels: Matrix
    sources: NDArray[np.str_]
    folds: NDArray[np.int64]


def read(folder: Path, half: str) -> list[dict[str, Any]]:
    """All items of a half."""
    return [row for name in SETS for row in corpora.rows(folder, name.format(half))]


def said(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Swapped answers as sentences, right ones and wrong ones alike: else only names and numbers would be known as
    right answers, and every sentence be doubted."""
    return [
        {**row, "answer": form.format(row["answer"]), "kind": f"{row['kind']}_said"}
        for row in rows
        if row["source"] in FORMS
        for form in FORMS[row["source"]]
    ]


def material(rows: Sequence[dict[str, Any]]) -> Material:
    """Features of every claim of items that have a context."""
    known: dict[str, int] = {}
    parts = []
    for row in rows:
        claims, ground = sentences_of(row["answer"]) or [row["answer"]], sentences_of(row["context"])
        asked = row["question"][:MAX_QUESTION]
        texts = [asked, *claims, *(f"{asked} {claim}" for claim in claims), *ground]
        parts.append((claims, ground, [known.setdefault(text, len(known)) for text in texts]))
    vectors = _embedded(list(known))
    features, owners = [], []
    for number, (row, (claims, ground, places)) in enumerate(zip(rows, parts, strict=True)):
        found = vectors[places]
        count = len(claims)
        rest = Ground(ground, found[1 + 2 * count :])
        for at, claim in enumerate(claims):
            features.append(
                rest.features(claim, row["answer"], row["question"], found[1 + at], found[1 + count + at], found[0])
            )
            owners.append(number)
    return Material(
        rows,
        np.array(features),
        np.array(owners),
        np.array([row["label"] for row in rows], dtype=np.float64),
        np.array([source(row) for row in rows]),
        np.array([_fold(row) for row in rows]),
    )


def source(row: dict[str, Any]) -> str:
    """Where an item comes from."""
    return str(row["source"]) + (f"_{row['kind']}" if "kind" in row else "")


def train(found: Material, chosen: NDArray[np.bool_]) -> Doubts:
    """A network on some of the items."""
    mean, scale = found.features.mean(axis=0), found.features.std(axis=0) + 1e-9
    nets = [_trained(found, chosen, (found.features - mean) / scale, seed) for seed in range(SEEDS)]
    inner, shift, outer, bias, direct = zip(*nets, strict=True)
    return Doubts(
        mean,
        scale,
        np.concatenate(inner, axis=1),
        np.concatenate(shift),
        np.concatenate(outer) / SEEDS,
        np.mean(direct, axis=0),
        float(np.mean(bias)),
    )


def _trained(found: Material, chosen: NDArray[np.bool_], values: Matrix, seed: int) -> list[Matrix]:
    kept = chosen[found.owners]
    ids = np.flatnonzero(chosen)
    number = np.full(len(chosen), -1)
    number[ids] = np.arange(len(ids))
    owners, values, labels = number[found.owners[kept]], values[kept], found.labels[ids]
    weights = _weights(found.sources[ids])
    random = np.random.default_rng(seed)
    width = values.shape[1]
    # inner weights and shifts, outer weights, bias, and the weights that go past the hidden layer
    now: list[Matrix] = [
        random.normal(0, 1 / np.sqrt(width), (width, HIDDEN)),
        np.zeros(HIDDEN),
        random.normal(0, 0.1, HIDDEN),
        np.zeros(1),
        np.zeros(width),
    ]
    first, second = [np.zeros_like(one) for one in now], [np.zeros_like(one) for one in now]
    counts = np.bincount(owners, minlength=len(ids))
    for step in range(1, STEPS + 1):
        hidden = np.tanh(values @ now[0] + now[1])
        logits = hidden @ now[2] + now[3] + values @ now[4]
        top = np.full(len(ids), -np.inf)
        np.maximum.at(top, owners, logits)
        shares = np.exp(SHARPNESS * (logits - top[owners]))
        sums = np.bincount(owners, shares, len(ids))
        answers = top + np.log(sums / counts) / SHARPNESS
        error = weights * (1 / (1 + np.exp(-answers)) - labels)
        slope = error[owners] * shares / sums[owners]
        back = np.outer(slope, now[2]) * (1 - hidden * hidden)
        gradients = [
            values.T @ back + L2 * now[0],
            back.sum(axis=0),
            hidden.T @ slope + L2 * now[2],
            np.array([slope.sum()]),
            values.T @ slope + L2 * now[4],
        ]
        for at, gradient in enumerate(gradients):  # Adam
            first[at] = 0.9 * first[at] + 0.1 * gradient
            second[at] = 0.999 * second[at] + 0.001 * gradient * gradient
            size = np.sqrt(second[at] / (1 - 0.999**step)) + 1e-8
            now[at] = now[at] - LEARNING_RATE * first[at] / (1 - 0.9**step) / size
    return now


def doubts(net: Doubts, found: Material) -> Matrix:
    """How doubtful each answer is (0-1)."""
    logits = net.of_claims(found.features)
    order = np.argsort(found.owners, kind="stable")
    parts = np.split(logits[order], np.cumsum(np.bincount(found.owners))[:-1])
    return np.array([net.of_answer(part) for part in parts])


def _weights(sources: NDArray[np.str_]) -> Matrix:
    sets = np.array([name.split("_same")[0].split("_other")[0] for name in sources])
    made = np.zeros(len(sets))
    for name in np.unique(sets):
        made[sets == name] = 1 / np.sum(sets == name)
    weights: Matrix = made / made.sum()
    return weights


def _fold(row: dict[str, Any]) -> int:
    """Items of one passage or question are in one fold."""
    key = row.get("passage_id") or row["question"] + row["context"][:100]
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % FOLDS


def _embedded(texts: Sequence[str]) -> NDArray[np.float32]:
    with models_folder() as folder:
        engine = centred(OnnxE5Engine(folder))
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        made = np.zeros((len(texts), engine.dimensions), dtype=np.float32)
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            made[batch] = engine.embed_passages([texts[one] or " " for one in batch])
    return made


def _write(net: Doubts) -> None:
    """As a module of numbers, so that nothing has to be read from a file."""
    arrays = {"MEAN": net.mean, "SCALE": net.scale, "SHIFT": net.shift, "OUTER": net.outer, "DIRECT": net.direct}
    lines = [
        '"""Made by `python -m benchmarks.hallucination_training`; not by hand."""',
        "",
        "from __future__ import annotations",
        "",
        *(f"{name} = {_numbers(values)}" for name, values in arrays.items()),
        f"BIAS = {net.bias:.4g}",
        "INNER = [",
        *(f"    {_numbers(row)}," for row in net.inner),
        "]",
        "",
    ]
    WEIGHTS.write_text("\n".join(lines))


def _numbers(values: Matrix) -> str:
    return "[" + ", ".join(f"{value:.3g}" for value in values) + "]"


def main() -> None:
    """Train on all dev items, and write the weights."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = [row for row in read(data_folder(), "dev") if row["context"]]
    found = material([*rows, *said(rows)])
    _write(train(found, np.ones(len(found.rows), dtype=bool)))
    say(f"{WEIGHTS.name}: {len(found.rows)} answers, {len(found.features)} claims")


if __name__ == "__main__":
    main()
