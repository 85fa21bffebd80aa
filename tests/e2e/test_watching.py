"""Alerts, dashboards and runbooks: loaded by a real Prometheus that scrapes a real server, and true to each other."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
import yaml

from benchmarks.server import ServerProcess
from ryorin.adapters.prometheus.metrics import COUNTERS, GAUGES, HISTOGRAMS
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.entrypoints.cli.main import build_cli
from ryorin.entrypoints.cli.session import Session
from scripts.dashboards import DASHBOARDS, rendered
from tests.prometheus_server import PrometheusServer, program

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"
PATIENCE_SECONDS = 30.0
RULE_LIST = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULE_LIST if "alert" in rule}
# of Prometheus itself and of its client library
OTHERS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
NOTHING: Any = None
COMMAND_LINE = typer.main.get_command(build_cli(Session(NOTHING, LOCAL_ADMINISTRATOR), NOTHING, (NOTHING, NOTHING)))
# what Grafana puts in their place
GRAFANA = {"$__rate_interval": "5m"}


def expressions() -> dict[str, str]:
    """Of all rules and panels."""
    found = {rule.get("alert", rule.get("record")): rule["expr"] for rule in RULE_LIST}
    for name in DASHBOARDS:
        for panel in json.loads(rendered(name))["panels"]:
            for target in panel["targets"]:
                expression = target["expr"]
                for placeholder, value in GRAFANA.items():
                    expression = expression.replace(placeholder, value)
                found[f"{name}: {panel['title']} {target['refId']}"] = expression
    return found


def metrics_in(expression: str) -> set[str]:
    """The names of metrics in an expression, as they are declared."""
    names = set(re.findall(r"\b(?:ryorin_\w+|process_\w+|up\b)", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) if not name.endswith("_total") else name for name in names}


@pytest.mark.parametrize("name", sorted(expressions()))
def test_only_metrics_that_exist_are_used(name: str) -> None:
    known = {*COUNTERS, *HISTOGRAMS, *GAUGES, *OTHERS}

    used = metrics_in(expressions()[name])

    assert used <= known
    assert used or "ryorin:" in expressions()[name]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == ALERTS.keys()
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook"] == f"docs/runbooks/{name}.md"
        assert rule["labels"]["severity"] in ("page", "ticket")


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_what_a_runbook_says_to_run_exists(path: Path) -> None:
    for command in re.findall(r"`ryorin ([a-z ]+)", path.read_text()):
        known: Any = COMMAND_LINE
        for word in command.split():
            if not hasattr(known, "commands"):
                # its arguments follow
                break
            assert word in known.commands, f"there is no `ryorin {command}`"
            known = known.commands[word]


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_dashboards_are_those_of_the_script(name: str) -> None:
    """Run `make dashboards` after a change."""
    assert (ROOT / "deploy" / "grafana" / f"{name}.json").read_text(encoding="utf-8") == rendered(name)


def needed(name: str) -> Path:
    """A program of Debian's package; without it the test is skipped."""
    found = program(name)
    if found is None:
        pytest.skip(f"{name} is neither installed nor to be had from apt")
    return found


def test_alerts_fire_when_they_should() -> None:
    command = [str(needed("promtool")), "test", "rules", "rules_test.yml"]

    finished = subprocess.run(command, cwd=RULES.parent, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    tested = (RULES.parent / "rules_test.yml").read_text()
    assert {name for name in ALERTS if f"docs/runbooks/{name}.md" in tested} == ALERTS.keys()


def test_prometheus_loads_the_rules_scrapes_a_server_and_answers_every_panel(
    server: ServerProcess, tmp_path: Path
) -> None:
    configuration = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(RULES)]
    configuration["scrape_configs"][0]["static_configs"][0]["targets"] = [server.base_url.removeprefix("http://")]
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))

    with PrometheusServer(needed("prometheus"), path, tmp_path) as prometheus, httpx.Client() as client:

        def asked(expression: str) -> list[Any]:
            answer = client.get(f"{prometheus.url}/api/v1/query", params={"query": expression}).json()
            assert answer["status"] == "success", f"{expression}: {answer}"
            return list(answer["data"]["result"])

        ends = time.monotonic() + PATIENCE_SECONDS
        while not asked('ryorin_command_attempts_total{outcome="succeeded"}') and time.monotonic() < ends:
            time.sleep(0.2)

        assert asked('up{job="ryorin"} == 1')
        assert asked("ryorin_projection_lag_events")
        for expression in expressions().values():
            asked(expression)
        loaded = client.get(f"{prometheus.url}/api/v1/rules").json()["data"]["groups"]
        rules = [rule for group in loaded for rule in group["rules"]]
        assert len(rules) == len(RULE_LIST)
        assert all(rule["health"] in ("ok", "unknown") for rule in rules), rules
