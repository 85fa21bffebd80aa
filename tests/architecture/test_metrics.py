"""Every metric that is counted or observed anywhere is declared, with just the labels it is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ryorin
from ryorin.adapters.prometheus.metrics import COUNTERS, HISTOGRAMS, PrometheusMetrics

DECLARED = {**COUNTERS, **HISTOGRAMS}


def uses() -> Iterator[tuple[str, frozenset[str]]]:
    """Names and labels of all calls of `add`, `count` and `observe` with a metric's name."""
    for path in sorted(Path(ryorin.__path__[0]).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            name = node.args[0]
            if node.func.attr not in ("add", "count", "observe") or not isinstance(name, ast.Constant):
                continue
            if str(name.value).startswith("ryorin_"):
                yield str(name.value), frozenset(keyword.arg or "" for keyword in node.keywords)


@pytest.mark.parametrize(("name", "labels"), sorted(set(uses()), key=str))
def test_a_metric_is_declared_with_its_labels(name: str, labels: frozenset[str]) -> None:
    assert labels == set(DECLARED[name][1])


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_a_metric_takes_what_it_is_declared_for(name: str) -> None:
    metrics, labels = PrometheusMetrics(), dict.fromkeys(DECLARED[name][1], "x")

    if name in COUNTERS:
        metrics.count(name, **labels)
    else:
        metrics.observe(name, 0.5, **labels)

    rendered = metrics.render().decode()
    counted = name if name in COUNTERS else f"{name}_count"
    (line,) = [line for line in rendered.splitlines() if line.startswith((f"{counted} ", f"{counted}{{"))]
    assert line.endswith(" 1.0")


def test_metrics_are_used() -> None:
    assert {name for name, _ in uses()} == DECLARED.keys()
