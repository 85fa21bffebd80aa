"""Do paraphrases get right answers from the cache, and how many, beside fixed thresholds and GPTCache?

Pairs of questions of which it is known whether one answer serves both: the first is cached, the second is asked, in a
random order that is the same for all. Ours begins without any evidence and learns as it goes; figures are of the second
half of the questions, where it has some. An error is a question that is answered wrongly from the cache, as a share of
all that were asked; its upper bound is one-sided with 95 % confidence. A fixed threshold of equal error is chosen with
hindsight, on the questions it is then judged by. GPTCache decides with its defaults on the same vectors.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import corpora
from benchmarks.measure import Machine, data_folder, report, say
from benchmarks.peers.environments import python_with
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.contexts.answers.module import (
    Evidence,
    Likeness,
    Observation,
    differences,
    explore_probability,
    likeness,
    upper_bound,
)
from ryorin.contexts.knowledge.module import analyse, centred

SETS = {
    "banking": "semantic_cache_en_banking77_dev",
    "mock": "semantic_cache_en_gptcache_mock_dev",
    "jsts": "semantic_cache_ja_jsts_dev",
}
BOUNDS = (0.005, 0.01, 0.02, 0.05)
FIXED = (0.8, 0.9, 0.95)
PEER = ("gptcache==0.1.44", "faiss-cpu", "numpy<2", "sqlalchemy<2.1")


@dataclass(frozen=True, slots=True)
class Pair:
    """A cached question, one that is asked, and whether the cached answer is right for it."""

    cached: str
    asked: str
    right: bool
    likeness: Likeness
    forbidden: bool


@dataclass(slots=True)
class Outcome:
    """What became of the questions: how many were answered from the cache, and how many of these wrongly."""

    asked: int = 0
    hits: int = 0
    wrong: int = 0

    def note(self, hit: bool, right: bool) -> None:
        self.asked += 1
        self.hits += hit
        self.wrong += hit and not right

    @property
    def hit_rate(self) -> float:
        return self.hits / max(1, self.asked)

    @property
    def error(self) -> float:
        return self.wrong / max(1, self.asked)

    def figures(self, name: str) -> dict[str, float]:
        return {
            f"{name}_hit_rate": round(self.hit_rate, 4),
            f"{name}_false_hit_rate": round(self.error, 5),
            f"{name}_false_hit_rate_upper": round(upper_bound(self.wrong, self.asked), 5),
            f"{name}_wrong_share_of_hits": round(self.wrong / max(1, self.hits), 4),
        }


def vectors_of(texts: Sequence[str], engine: Any) -> dict[str, Any]:
    """The vector of every text."""
    ordered = sorted(set(texts), key=len)
    found: dict[str, Any] = {}
    for first in range(0, len(ordered), 64):
        part = ordered[first : first + 64]
        found |= dict(zip(part, engine.embed_queries(part), strict=True))
    return found


def pairs_of(rows: Sequence[dict[str, Any]], vectors: dict[str, Any]) -> list[Pair]:
    """What can be known of the pairs without asking a model."""
    found = []
    for row in rows:
        apart = differences(row["b"], row["a"])
        cosine = float(vectors[row["a"]] @ vectors[row["b"]])
        alike = likeness(row["b"], row["a"], cosine, apart, analyse)
        found.append(Pair(row["a"], row["b"], row["same"], alike, bool(apart.forbidding(alike.words))))
    return found


def learned(pairs: Sequence[Pair], bound: float, dice: random.Random) -> Outcome:
    """Ours: begins without evidence; the outcome of the second half."""
    evidence, outcome = Evidence(bound), Outcome()
    own: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        predicted = 0.0 if pair.forbidden else evidence.predict(pair.likeness)
        uniform = dice.random() < evidence.explored_share
        allowed = not pair.forbidden and evidence.allows(predicted)
        if allowed:
            allowed = dice.random() >= explore_probability(own[pair.cached], pair.likeness.cosine, bound)
        hit = allowed and not uniform
        if number >= len(pairs) // 2:
            outcome.note(hit, pair.right)
        if not hit:
            own[pair.cached].append((pair.likeness.cosine, pair.right))
            evidence.learn(Observation(pair.likeness, pair.right, uniform))
    return outcome


def fixed(pairs: Sequence[Pair], threshold: float) -> Outcome:
    """A cache with one threshold for all."""
    outcome = Outcome()
    for pair in pairs:
        outcome.note(pair.likeness.cosine >= threshold, pair.right)
    return outcome


def best_fixed(pairs: Sequence[Pair], error: float) -> Outcome:
    """The fixed threshold that answers most with at most this error, known afterwards."""
    best = Outcome(asked=len(pairs))
    running = Outcome(asked=len(pairs))
    for pair in sorted(pairs, key=lambda one: -one.likeness.cosine):
        running.hits += 1
        running.wrong += not pair.right
        if running.error <= error:
            best = Outcome(running.asked, running.hits, running.wrong)
    return best


def gptcache(pairs: Sequence[Pair], vectors: dict[str, Any], python: Path) -> Outcome:
    """GPTCache in its own environment: each question is put and asked in a cache that holds all cached questions."""
    texts = sorted({text for pair in pairs for text in (pair.cached, pair.asked)})
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "vectors.npy", np.stack([vectors[text] for text in texts]).astype(np.float32))
        (Path(folder) / "texts.json").write_text(json.dumps(texts))
        asked = [[pair.cached, pair.asked] for pair in pairs]
        (Path(folder) / "pairs.json").write_text(json.dumps(asked))
        script = Path(__file__).parent / "peers" / "gptcache_pairs.py"
        finished = subprocess.run([str(python), str(script), folder], capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"GPTCache failed: {finished.stderr[-2000:]}")
    hits = json.loads(finished.stdout.splitlines()[-1])
    outcome = Outcome()
    for pair, hit in zip(pairs, hits, strict=True):
        outcome.note(hit, pair.right)
    return outcome


def run(quick: bool) -> None:
    """All sets."""
    machine, data = Machine(), data_folder()
    python = python_with("gptcache", *PEER, install=not quick)
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    uppers, ours, best = [], 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        engine = centred(OnnxE5Engine(Path(folder), threads=2))
        for name, file in SETS.items():
            rows = list(corpora.rows(data, file))
            random.Random(7).shuffle(rows)
            rows = rows[:400] if quick else rows
            vectors = vectors_of([text for row in rows for text in (row["a"], row["b"])], engine)
            pairs = pairs_of(rows, vectors)
            judged = pairs[len(pairs) // 2 :]
            for bound in BOUNDS:
                outcome = learned(pairs, bound, random.Random(11))
                equal = best_fixed(judged, outcome.error)
                label = f"{name}_at_{bound:g}".replace(".", "_")
                figures |= outcome.figures(label)
                figures[f"{label}_hit_rate_ratio_to_fixed"] = round(outcome.hits / max(1, equal.hits), 3)
                if bound == 0.01:
                    uppers.append(upper_bound(outcome.wrong, outcome.asked))
                    ours, best = ours + outcome.hits, best + equal.hits
                say(f"{label}: {outcome} beside {equal}")
            for threshold in FIXED:
                baseline |= fixed(judged, threshold).figures(f"{name}_fixed_{threshold:g}".replace(".", "_"))
            baseline |= gptcache(judged, vectors, python).figures(f"{name}_gptcache")
    figures = {
        "false_hit_rate_upper": round(max(uppers), 5),
        "hit_rate_ratio_to_fixed": round(ours / max(1, best), 3),
        **figures,
    }
    report("semantic", figures, baseline, machine, {"peer": PEER[0], "quick": quick})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="400 pairs of each set, for correctness only")
    run(parser.parse_args().quick)


if __name__ == "__main__":
    main()
