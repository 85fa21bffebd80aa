"""Writes Grafana's dashboards into deploy/grafana/: one for each wheel and for what lies between them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "deploy" / "grafana"
WIDTH, HEIGHT, IN_A_ROW = 12, 8, 2
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Panel:
    """A graph: its title, unit (Grafana's names) and expressions by legend."""

    title: str
    unit: str
    expressions: Mapping[str, str]


def quantiles(metric: str, by: str, *shares: float) -> Mapping[str, str]:
    """A histogram's percentiles, by a label."""
    return {
        f"p{round(share * 100)} {{{{{by}}}}}": (
            f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket[$__rate_interval])))"
        )
        for share in shares
    }


def rate(metric: str, by: str, condition: str = "") -> str:
    """A counter's increase per second, by labels."""
    return f"sum by ({by}) (rate({metric}{condition}[$__rate_interval]))"


DASHBOARDS: Mapping[str, tuple[str, Sequence[Panel]]] = {
    "commands": (
        "Ryorin: command wheel",
        (
            Panel("Attempts by outcome", "ops", {"{{outcome}}": rate("ryorin_command_attempts_total", "outcome")}),
            Panel("Attempts by command", "ops", {"{{command}}": rate("ryorin_command_attempts_total", "command")}),
            Panel("Commands that wait", "short", {"{{queue}}": "max by (queue) (ryorin_queue_depth)"}),
            Panel("Age of the oldest", "s", {"{{queue}}": "max by (queue) (ryorin_queue_oldest_age_seconds)"}),
            Panel("Duration of attempts", "s", quantiles("ryorin_command_duration_seconds", "command", 0.5, 0.95)),
            Panel(
                "Dead letters",
                "short",
                {"dead": "max(ryorin_commands_dead)", "hours": "max(ryorin_commands_dead_oldest_age_seconds) / 3600"},
            ),
        ),
    ),
    "queries": (
        "Ryorin: query wheel",
        (
            Panel("Requests by status", "reqps", {"{{status}}": rate("ryorin_http_requests_total", "status")}),
            Panel("Requests by route", "reqps", {"{{route}}": rate("ryorin_http_requests_total", "route")}),
            Panel("Queries", "s", quantiles("ryorin_query_duration_seconds", "query", 0.5, 0.95, 0.99)),
            Panel("Stages of a search", "s", quantiles("ryorin_search_stage_seconds", "stage", 0.5, 0.95)),
            Panel("Wait before the first handler", "s", quantiles("ryorin_request_wait_seconds", "message", 0.95)),
            Panel("Lateness of the event loop", "s", quantiles("ryorin_event_loop_lag_seconds", "instance", 0.5, 0.95)),
            Panel(
                "Recall of sampled searches",
                "percentunit",
                {
                    "{{plan}}": "sum by (plan) (rate(ryorin_search_recall_ratio_sum[1h]))"
                    " / sum by (plan) (rate(ryorin_search_recall_ratio_count[1h]))"
                },
            ),
            Panel(
                "Memory and processor",
                "short",
                {
                    "GB {{instance}}": "process_resident_memory_bytes / 1e9",
                    "cores {{instance}}": "rate(process_cpu_seconds_total[$__rate_interval])",
                },
            ),
        ),
    ),
    "cache": (
        "Ryorin: answer cache",
        (
            Panel("Answers by layer", "ops", {"{{layer}}": rate("ryorin_cache_requests_total", "layer")}),
            Panel(
                "Share that no model was asked for",
                "percentunit",
                {
                    "hits": 'sum(rate(ryorin_cache_requests_total{layer!~"miss|bypass"}[$__rate_interval]))'
                    " / sum(rate(ryorin_cache_requests_total[$__rate_interval]))"
                },
            ),
            Panel("Failures", "ops", {"{{operation}}": rate("ryorin_cache_failures_total", "operation")}),
            Panel(
                "Stale answers that could not be made anew",
                "ops",
                {"{{code}}": rate("ryorin_cache_revalidations_failed_total", "code")},
            ),
        ),
    ),
    "models": (
        "Ryorin: models and cost",
        (
            Panel(
                "Calls", "ops", {"{{deployment}} {{outcome}}": rate("ryorin_model_calls_total", "deployment, outcome")}
            ),
            Panel("First piece", "s", quantiles("ryorin_model_first_piece_seconds", "deployment", 0.5, 0.95)),
            Panel("Tokens by bucket", "short", {"{{bucket}}": rate("ryorin_model_tokens_total", "bucket")}),
            Panel(
                "USD in an hour",
                "currencyUSD",
                {"{{deployment}}": "sum by (deployment) (increase(ryorin_model_cost_usd_total[1h]))"},
            ),
            Panel(
                "Further wordings, by who made them",
                "ops",
                {"{{source}}": rate("ryorin_query_expansions_total", "source")},
            ),
        ),
    ),
    "projections": (
        "Ryorin: projections",
        (
            Panel("Events behind", "short", {"{{projection}}": "max by (projection) (ryorin_projection_lag_events)"}),
            Panel("Errors", "ops", {"{{projection}}": rate("ryorin_projection_errors_total", "projection")}),
            Panel("Vectors not taken", "ops", {"{{store}}": rate("ryorin_vector_feed_errors_total", "store")}),
        ),
    ),
}


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard, as Grafana's provisioning takes it."""
    title, panels = DASHBOARDS[name]
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": f"ryorin-{name}",
        "title": title,
        "tags": ["ryorin"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source]},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, IN_A_ROW)
    targets = [
        {"refId": chr(ord("A") + at), "expr": expression, "legendFormat": legend, "datasource": SOURCE}
        for at, (legend, expression) in enumerate(panel.expressions.items())
    ]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def rendered(name: str) -> str:
    """The file of a dashboard."""
    return json.dumps(dashboard(name), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all of them."""
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(rendered(name), encoding="utf-8")
    print(f"{len(DASHBOARDS)} dashboards in {FOLDER}", file=sys.stderr)


if __name__ == "__main__":
    main()
