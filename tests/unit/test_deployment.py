"""What is in deploy/ is what the documentation promises."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ryorin.adapters.prometheus.metrics import COUNTERS, GAUGES, HISTOGRAMS
from ryorin.bootstrap.background import Role
from ryorin.bootstrap.settings import Settings
from scripts.runtime_lock import blocks, rendered

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    one
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for one in yaml.safe_load_all(path.read_text())
    if path.name != "kustomization.yaml"
]
DEPLOYMENTS = [one for one in OBJECTS if one["kind"] == "Deployment"]


def kind(name: str) -> list[dict[str, Any]]:
    return [one for one in OBJECTS if one["kind"] == name]


def known(variable: str) -> bool:
    """Whether it is the name of a setting."""
    head, *rest = variable.removeprefix("RYORIN_").lower().split("__")
    setting = Settings.model_fields.get(head)
    return setting is not None and all(part in getattr(setting.annotation, "model_fields", {}) for part in rest)


def test_every_file_of_kubernetes_is_applied() -> None:
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]

    assert {*listed, "kustomization.yaml"} == {path.name for path in (DEPLOY / "kubernetes").iterdir()}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["metadata"]["name"])
def test_pods_are_bounded_watched_and_without_rights(deployment: dict[str, Any]) -> None:
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}
    assert all(known(one["name"]) for one in container["env"])
    roles = container["args"][container["args"].index("--roles") + 1].split(",")
    assert set(roles) <= set(Role)


def test_all_roles_are_played_somewhere() -> None:
    arguments = [one["spec"]["template"]["spec"]["containers"][0]["args"] for one in DEPLOYMENTS]
    composed = [COMPOSE["services"][name]["command"] for name in ("http", "worker")]

    for told in (arguments, composed):
        assert {role for one in told for role in one[one.index("--roles") + 1].split(",")} == set(Role)


def test_nothing_is_reached_that_is_not_named() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in kind("NetworkPolicy")}

    assert policies["nobody"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (outside,) = [to["ipBlock"] for rule in policies["out"]["egress"] for to in rule.get("to", ()) if "ipBlock" in to]
    # the metadata of clouds gives credentials to whoever can ask
    assert "169.254.0.0/16" in outside["except"]


@pytest.mark.parametrize("scaled", kind("ScaledObject"), ids=lambda one: one["metadata"]["name"])
def test_it_grows_by_figures_that_exist(scaled: dict[str, Any]) -> None:
    assert scaled["spec"]["scaleTargetRef"]["name"] in {one["metadata"]["name"] for one in DEPLOYMENTS}
    for trigger in scaled["spec"]["triggers"]:
        for name in re.findall(r"ryorin_\w+", trigger["metadata"]["query"]):
            assert name.removesuffix("_bucket") in {*COUNTERS, *GAUGES, *HISTOGRAMS}


def test_services_of_compose_are_bounded_and_without_rights() -> None:
    for name in ("http", "worker"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert all(known(variable) for variable in service["environment"])
        assert service["mem_limit"]
    # nothing listens to the outside
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    # a password is asked for, never given
    assert ":?" in json.dumps(COMPOSE["services"]["postgres"]["environment"])


def test_the_image_runs_as_nobody_in_particular_with_locked_packages() -> None:
    lines = (DEPLOY / "Dockerfile").read_text()

    assert re.search(r"^USER \d+$", lines, re.M)
    assert "--require-hashes" in lines
    assert "latest" not in lines


def test_the_images_lock_is_that_of_the_project_without_its_tools() -> None:
    """Run `make runtime-lock` after a change."""
    assert (DEPLOY / "requirements.lock").read_text() == rendered()
    names = {name for name, _ in blocks(rendered())}
    assert {"fastapi", "psycopg", "celery", "redis", "pyjwt", "cryptography"} <= names
    assert names.isdisjoint({"pytest", "mypy", "ruff", "hypothesis", "pip-audit", "litellm"})
