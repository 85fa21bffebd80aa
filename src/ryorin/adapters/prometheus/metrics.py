"""The metric registry: every metric is declared here, with its labels and its unit in its name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SHARES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, 1.0)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
COUNTERS = {
    "ryorin_command_attempts_total": ("Attempts at commands by outcome", ("command", "outcome")),
    "ryorin_projection_errors_total": ("Batches that a projection could not apply", ("projection",)),
    "ryorin_cache_requests_total": ("Answers by the layer they came from", ("layer",)),
    "ryorin_cache_failures_total": ("Times that a layer could not be used", ("operation",)),
    "ryorin_cache_revalidations_failed_total": ("Stale answers that could not be made anew", ("code",)),
    "ryorin_limits_unshared_total": ("Requests that a process had to count alone", ()),
    "ryorin_breakers_unshared_total": ("Changes of circuit breakers that other processes were not told", ()),
    "ryorin_vector_feed_errors_total": ("Batches that a vector store did not take", ("store",)),
    "ryorin_model_calls_total": ("Calls of models by how they ended", ("deployment", "outcome")),
    "ryorin_model_tokens_total": ("Tokens that models used, each in one bucket", ("deployment", "bucket")),
    "ryorin_model_cost_usd_total": ("What calls of models cost in USD", ("deployment",)),
    "ryorin_http_requests_total": ("Requests by route, answered or refused", ("method", "route", "status")),
    "ryorin_query_expansions_total": ("Questions worded differently, by who did it", ("source",)),
}
HISTOGRAMS = {
    "ryorin_http_request_duration_seconds": ("Time until a response had been sent", ("method", "route")),
    "ryorin_model_first_piece_seconds": ("Time until a model's first piece", ("deployment",)),
    "ryorin_command_duration_seconds": ("Time of one attempt at a command", ("command",)),
    "ryorin_request_wait_seconds": ("Time from a request's arrival until its first handler ran", ("message",)),
    "ryorin_event_loop_lag_seconds": ("How late the event loop was to do what was due", ()),
    "ryorin_query_duration_seconds": ("Time of a query", ("query", "outcome")),
    "ryorin_search_stage_seconds": ("Time of one stage of a search", ("stage",)),
    "ryorin_search_recall_ratio": ("Share of the exact best hits that a sampled search found", ("plan",)),
}
GAUGES = {
    "ryorin_queue_depth": ("Commands that have not ended", ("queue",)),
    "ryorin_queue_oldest_age_seconds": ("Age of the oldest command that has not ended", ("queue",)),
    "ryorin_commands_dead": ("Commands waiting for a person", ()),
    "ryorin_commands_dead_oldest_age_seconds": ("How long the oldest of them has waited", ()),
    "ryorin_objectives_burning": ("Objectives of prompts whose error budget burns too fast, by level", ("level",)),
    "ryorin_projection_lag_events": ("Events a projection has not applied", ("projection",)),
}


class PrometheusMetrics:
    """Counts and observes into one registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters = {
            name: Counter(name, text, labels, registry=self._registry) for name, (text, labels) in COUNTERS.items()
        }
        self._histograms = {
            name: Histogram(name, text, labels, registry=self._registry, buckets=_buckets(name))
            for name, (text, labels) in HISTOGRAMS.items()
        }
        self._gauges = {
            name: Gauge(name, text, labels, registry=self._registry) for name, (text, labels) in GAUGES.items()
        }
        # process_*: memory, processor time, open files, start
        ProcessCollector(registry=self._registry)
        # finding a labelled child costs more than counting: a cached answer pays for it once
        self._counter = lru_cache(maxsize=1024)(lambda name, *values: _child(self._counters[name], values))
        self._histogram = lru_cache(maxsize=1024)(lambda name, *values: _child(self._histograms[name], values))

    def count(self, name: str, **labels: str) -> None:
        """Add one to a counter."""
        self._counter(name, *(labels[label] for label in COUNTERS[name][1])).inc()

    def add(self, name: str, amount: float, **labels: str) -> None:
        """Add an amount to a counter."""
        self._counter(name, *(labels[label] for label in COUNTERS[name][1])).inc(amount)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one observation to a histogram."""
        self._histogram(name, *(labels[label] for label in HISTOGRAMS[name][1])).observe(value)

    def set_gauge(self, name: str, values: Mapping[Any, float]) -> None:
        """Replace all values of a gauge; the keys are tuples of its labels' values."""
        gauge = self._gauges[name]
        gauge.clear()
        for labels, value in values.items():
            (gauge.labels(*labels) if labels else gauge).set(value)

    def render(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)


def _child(metric: Any, values: tuple[str, ...]) -> Any:
    """One without labels has no children."""
    return metric.labels(*values) if values else metric


def _buckets(name: str) -> tuple[float, ...]:
    return SHARES if name.endswith("_ratio") else SECONDS
