"""Trains the relevance model that ships with Ryorin, on the dev questions and the folder of `bench-quality --keep`.

Listwise softmax regression over the candidates of each question with weights that may not be negative, judged by five
folds that share no document; then one logistic fit makes its scores probabilities.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import corpora
from benchmarks.measure import Machine, data_folder, report, say
from ryorin.bootstrap.app import open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.domain.relevance import FEATURES, Evidence, QuestionTerms, features
from ryorin.contexts.knowledge.queries import SearchChunks, SearchHit
from ryorin.contexts.knowledge.read.rerank import POOL
from ryorin.entrypoints.services import Services

FOLDS = 5
STEPS = 300
LEARNING_RATE = 0.05
L2 = 1e-3
ASKED_AT_A_TIME = 8

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """A question's candidates in fused order: their features (n, FEATURES), documents, and the right one."""

    language: str
    right: str
    documents: tuple[str, ...]
    values: Matrix

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Which candidates are chunks of the right document."""
        return np.array([document == self.right for document in self.documents])


async def judged(services: Services, language: str, questions: Sequence[corpora.Question]) -> list[Judged]:
    """The candidates of every question with their features."""
    places = asyncio.Semaphore(ASKED_AT_A_TIME)

    async def one(question: corpora.Question) -> Judged:
        async with places:
            query = SearchChunks(collection=language, text=question.text, top_k=POOL, rerank="none")
            result = await services.queries.ask(query, LOCAL_ADMINISTRATOR)
        probe = result.probe
        counts = np.maximum(1, [_count(question.text, term) for term in probe.term_ids])
        weights = dict(zip(probe.term_ids, (np.array(probe.term_weights) / counts).tolist(), strict=True))
        terms = QuestionTerms.of(question.text, weights)
        values = np.array([features(terms, _evidence(hit)) for hit in result.hits])
        return Judged(language, question.document, tuple(hit.document for hit in result.hits), values)

    return list(await asyncio.gather(*(one(question) for question in questions)))


def _count(text: str, term: int) -> int:
    return QuestionTerms.of(text, {}).order.count(term)


def _evidence(hit: SearchHit) -> Evidence:
    return Evidence(" ".join(hit.heading_path) or hit.title, hit.text, hit.scores.dense, hit.scores.lexical)


def train(sample: Sequence[Judged]) -> NDArray[np.float64]:
    """Weights of the features by Adam on the listwise softmax loss, kept at 0 or above."""
    useful = [one for one in sample if one.labels.any() and not one.labels.all()]
    longest = max(len(one.documents) for one in useful)
    values = np.zeros((len(useful), longest, len(FEATURES)))
    labels = np.zeros((len(useful), longest))
    mask = np.full((len(useful), longest), -1e9)
    for number, one in enumerate(useful):
        size = len(one.documents)
        values[number, :size], labels[number, :size], mask[number, :size] = one.values, one.labels, 0
    scale = values[mask == 0].std(axis=0) + 1e-9
    values /= scale
    weights, first, second = (np.zeros(len(FEATURES)) for _ in range(3))
    for step in range(1, STEPS + 1):
        scores = values @ weights + mask
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        wanted = shares * labels
        wanted /= np.maximum(wanted.sum(axis=1, keepdims=True), 1e-12)
        gradient = np.einsum("qn,qnf->f", shares - wanted, values) / len(useful) + L2 * weights
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        pace = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        weights = np.maximum(0.0, weights - LEARNING_RATE * pace)
    result: NDArray[np.float64] = weights / scale
    return result


def calibrate(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and bias of the logistic function that makes scores probabilities (Platt, 1999), by Newton's method."""
    centre, spread = float(scores.mean()), float(scores.std())
    design = np.stack([(scores - centre) / spread, np.ones_like(scores)], axis=1)
    solution = np.zeros(2)
    for _ in range(50):
        shares = 1 / (1 + np.exp(-np.clip(design @ solution, -50, 50)))
        curvature = (design * (shares * (1 - shares))[:, None]).T @ design + 1e-6 * np.eye(2)
        solution = solution - np.linalg.solve(curvature, design.T @ (shares - labels))
    slope = float(solution[0]) / spread
    return slope, float(solution[1]) - slope * centre


def fold_of(document: str) -> int:
    """Questions about one document are in one fold."""
    return int(hashlib.sha256(document.encode()).hexdigest(), 16) % FOLDS


def ndcg(one: Judged, scores: NDArray[np.float64]) -> float:
    """nDCG@10 by documents: a document counts at the place of its best chunk."""
    order = np.argsort(-scores, kind="stable")
    ranking = list(dict.fromkeys(one.documents[at] for at in order))[:10]
    return 1 / math.log2(ranking.index(one.right) + 2) if one.right in ranking else 0.0


async def run(keep: Path, target: Path) -> None:
    """Train, judge, and write the model with its provenance."""
    machine, folder = Machine(), data_folder()
    sample: list[Judged] = []
    async with open_app(Settings(data_dir=keep), frozenset()) as app:
        for language in ("ja", "en"):
            sample += await judged(app.services, language, corpora.questions(folder, language))
            say(f"{language}: {len(sample)} questions so far")
    weights = [train([one for one in sample if fold_of(one.right) != fold]) for fold in range(FOLDS)]
    unseen = [one.values @ weights[fold_of(one.right)] for one in sample]
    figures: dict[str, float] = {}
    for language in ("ja", "en"):
        pairs = [(one, scores) for one, scores in zip(sample, unseen, strict=True) if one.language == language]
        before = np.mean([ndcg(one, -np.arange(len(one.documents), dtype=np.float64)) for one, _ in pairs])
        after = np.mean([ndcg(one, scores) for one, scores in pairs])
        figures |= {
            f"{language}_fused_ndcg": round(float(before), 4),
            f"{language}_rerank_ndcg": round(float(after), 4),
        }
    slope, bias = calibrate(np.concatenate(unseen), np.concatenate([one.labels for one in sample]))
    final = train(sample) * slope
    names = [name for language in ("ja", "en") for name in corpora.QUESTIONS[language]]
    model = {
        "weights": {name: round(float(weight), 4) for name, weight in zip(FEATURES, final, strict=True)},
        "bias": round(bias, 4),
        "provenance": {
            "made_by": "python -m benchmarks.rerank_training",
            "method": f"listwise softmax regression, weights >= 0, L2 {L2}, Platt calibration",
            "questions": {
                name: hashlib.sha256((folder / f"{name}.jsonl.gz").read_bytes()).hexdigest()[:16] for name in names
            },
            "candidates": POOL,
            "ndcg_at_10_in_five_folds": figures,
        },
    }
    target.write_text(json.dumps(model, indent=2) + "\n", encoding="utf-8")
    report("rerank_training", figures, {}, machine, {"questions": len(sample), "weights": model["weights"]})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keep", type=Path, help="the data folder that `python -m benchmarks.quality --keep` left")
    shipped = Path(__file__).parents[1] / "src/ryorin/adapters/local/relevance.json"
    parser.add_argument("--target", type=Path, default=shipped, help="where to write the model")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.keep, arguments.target))


if __name__ == "__main__":
    main()
