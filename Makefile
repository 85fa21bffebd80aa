# Everything a newcomer needs: `make demo` and `make test` do all their own set-up.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)

.DEFAULT_GOAL := help
.PHONY: help setup demo run check test lock openapi dashboards runtime-lock audit secrets sbom test-foreign-metrics clean

help:  ## what can be made
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/.installed: requirements.lock pyproject.toml
	$(BASE_PYTHON) -c 'import sys; sys.exit("Ryorin needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	test -x $(PY) || $(BASE_PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

setup: $(VENV)/.installed  ## install everything into .venv

demo: setup  ## the main job: ingest, ask, edit a document, see the answer change
	$(VENV)/bin/ryorin demo

run: setup  ## the server on 127.0.0.1:8600
	$(VENV)/bin/ryorin serve

check: setup audit  ## the fast half: lint, types, import rules, audits, unit tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	PYTHONPATH=src $(VENV)/bin/lint-imports
	$(PY) -m pytest tests/unit tests/architecture

test: setup  ## everything
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	PYTHONPATH=src $(VENV)/bin/lint-imports
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

bench-%: setup  ## one benchmark, e.g. make bench-retrieval
	$(PY) -m benchmarks.$(subst -,_,$*)

openapi: setup  ## write docs/openapi.json anew
	$(PY) scripts/openapi.py

dashboards: setup  ## write deploy/grafana anew
	$(PY) scripts/dashboards.py

lock: setup  ## lock dependencies anew
	scripts/lock.sh $(PY)

runtime-lock: setup  ## write deploy/requirements.lock anew: what the image holds
	$(PY) scripts/runtime_lock.py

test-foreign-metrics:  ## metrics of DeepEval, Ragas and TruLens with the real libraries, in an environment of their own
	$(BASE_PYTHON) -m venv build/foreign
	build/foreign/bin/python -m pip install --quiet -e '.[deepeval,ragas,trulens]' pytest
	build/foreign/bin/python -m pytest --noconftest -q -p no:cacheprovider -c /dev/null --rootdir . tests/unit/foreign_metrics

audit: setup secrets  ## known holes in what is locked (pip-audit), and secrets in what is tracked
	$(PY) scripts/audit.py

secrets: setup  ## secrets in what is tracked (detect-secrets); scripts/harmless.json has what only looks like one
	$(PY) scripts/find_secrets.py

sbom: setup  ## sbom.json: what Ryorin is made of, by CycloneDX
	$(VENV)/bin/cyclonedx-py environment $(PY) --pyproject pyproject.toml --output-reproducible --of JSON -o sbom.json

clean:  ## remove what was built
	rm -rf sbom.json $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
