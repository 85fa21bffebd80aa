"""Every benchmark in its quick form: it runs to its end and gives the figures it promises; never how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

NO_DATA = 3
NEVER = (
    "token_stale",
    "missing",
    "again",
    "usd_over",
    "items_without_outcome",
    "token_missed",
    "underfilled",
    "errors",
    "half_filled",
    "stale_hits",
    "leaked_hits",
    "dropped",
)
PROMISED = {
    "retrieval": {"p50_ms", "p95_ms", "recall_at_10", "p50_ratio_to_raw", "p50_ms_1v", "p50_ms_4v"},
    "quality": {
        f"{language}_{figure}"
        for language in ("ja", "en")
        for figure in (
            "vector_mrr",
            "lexical_mrr",
            "fused_mrr",
            "rerank_ndcg",
            "rerank_over_fused_low",
            "expanded_ndcg",
        )
    },
    "ingest": {"chunks_per_s", "outside_share", "reingest_ratio"},
    "cached": {"l1_rps", "l2_rps", "l1_p50_ms", "l1_p99_ms", "l1_rps_ratio_to_bare"},
    "consistency": {"token_rounds", "token_missed"},
    "embedding": {"throughput_ratio", "query_latency_ratio", "cosine_min", "ja_onnx_ndcg", "en_onnx_ndcg"},
    "stores": {
        f"{store}_{figure}"
        for store in ("pgvector", "pgvector_binary", "qdrant", "qdrant_binary", "libsql")
        for figure in ("build_s", "p50_ms", "p95_ms", "recall_at_10", "bytes_per_chunk")
    },
    "move_index": {"queries", "errors", "half_filled", "written"},
    "retrieval_total": {"cold_p50_ms", "cold_p99_ms", "warm_p50_ms", "warm_p99_ms", "ja_expanded_over_alone_low"},
    "gate": {"banking77_accuracy", "clinc150_accuracy", "clinc150_oos_auroc", "gate_p50_ms"},
    "sockets": {"connections", "dropped", "server_rss_mb", "kib_per_connection", "inter_token_p95_ms"},
    "load": {"rps", "errors", "p50_ms", "p95_ms", "p99_ms", "cache_hit_share", "records_per_hour"},
    "parallel": {"total_p50_ms", "over_slowest_p50_ms", "hanging_over_deadline_p95_ms"},
    "freshness_cost": {"invalidation_s", "invalidated", "reads_p99_ratio"},
    "freshness": {"stale_hits", "hits", "kept_of_oracle", "kept_of_ttl_3600"},
    "semantic": {"false_hit_rate_upper", "hit_rate_ratio_to_fixed"},
    "gateway": {"rps_ratio_to_litellm", "added_latency_ratio_to_litellm", "memory_mb", "first_word_p50_ms"},
    "filters": {"min_recall_at_10", "underfilled"},
    "hallucination": {"auroc", "auroc_low", "auroc_high", "f1", "items_without_outcome", "seconds_per_item"},
    "style": {"en_auc", "ja_auc", "en_c_at_1", "ja_c_at_1", "en_swap_auc", "ja_swap_auc", "en_min_characters"},
    "intent": {"planted", "found", "false_alarms"},
    "evaluation": {"results", "missing", "in_flight", "again", "usd_over"},
    "prompts": {"fetch_rps", "langfuse_rps", "token_stale", "seen_p50_ms", "seen_max_ms"},
}


Finished = subprocess.CompletedProcess[str]


def _run(name: str) -> Finished:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, Future[Finished]]]:
    """All benchmarks, beside other tests or two at a time: how fast they are does not matter here."""
    beside = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1
    with ThreadPoolExecutor(max_workers=1 if beside else 2) as pool:
        yield {name: pool.submit(_run, name) for name in PROMISED}
        pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", PROMISED)
def test_a_benchmark_gives_what_it_promises(name: str, runs: dict[str, Future[Finished]]) -> None:
    finished = runs[name].result()
    if finished.returncode == NO_DATA:
        pytest.skip(finished.stderr.strip().splitlines()[-1])

    assert finished.returncode == 0, finished.stderr[-3000:]
    result = json.loads(finished.stdout.splitlines()[-1])
    assert result["bench"] == name
    assert result["figures"].keys() >= PROMISED[name]
    assert all(isinstance(value, int | float) for value in result["figures"].values())
    assert {"cores", "steal_percent", "calibration_s"} <= result["machine"].keys()
    # what no run may ever have, however quick it is
    assert [name for name in NEVER if result["figures"].get(name)] == []
