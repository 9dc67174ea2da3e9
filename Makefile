# One line of the README each: setup, setup-spark, demo, serve, test, lint, docs, lock, clean.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
SPARK := $(VENV)/.installed-spark
DATA := $(realpath ../shared/data)
ifndef LQMODEL_DATA
ifneq ($(DATA),)
export LQMODEL_DATA := $(DATA)
endif
endif

.PHONY: help setup setup-spark demo serve test lint bench docs lock clean
help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

setup: $(INSTALLED) ## make .venv from the hash-locked requirements

$(INSTALLED): requirements.txt pyproject.toml tools/setup.sh tools/need.sh
	@PYTHON="$(PYTHON)" bash tools/setup.sh "$(VENV)"
	@touch $@

setup-spark: $(SPARK) ## add Spark to .venv (Java 17; 430 MB)

$(SPARK): $(INSTALLED) requirements-spark.txt tools/setup_spark.sh
	@bash tools/setup_spark.sh "$(VENV)"
	@touch $@

demo: setup ## a simulated company, from raw events to explained handoffs
	@$(VENV)/bin/lqmodel demo .

serve: setup ## the view over the demo's runs, on loopback; asks for a first password
	@test -e scores/latest || $(VENV)/bin/lqmodel demo .
	@$(VENV)/bin/lqmodel record
	@test -n "$$($(VENV)/bin/lqmodel user list)" || $(VENV)/bin/lqmodel user add admin --role admin
	@$(VENV)/bin/lqmodel serve --as-of run

test: setup ## all tests
	@echo "running the tests (real data: $${LQMODEL_DATA:-not given, those tests are skipped})"
	@$(PY) -m pytest

lint: setup ## style, types, import layers
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-cache

bench: $(patsubst benchmarks/%.py,bench-%,$(filter-out benchmarks/__init__.py benchmarks/common.py,$(wildcard benchmarks/*.py))) ## all of benchmarks/, side by side with peers; bench-NAME runs one

bench-%: setup
	@$(PY) -m benchmarks.$*

docs: setup ## write docs/reference from the code
	@$(PY) tools/docs.py

SPARK_EXTRA := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["spark"], sep="\n")
LOCK := uv pip compile --universal --generate-hashes --no-emit-index-url --no-header -q
lock: setup ## rewrite requirements.txt and requirements-spark.txt with hashes
	@$(PY) -m $(LOCK) --extra dev pyproject.toml -o requirements.txt
	@$(PY) -c '$(SPARK_EXTRA)' | $(PY) -m $(LOCK) --python-version 3.11 --no-annotate -c requirements.txt - -o requirements-spark.txt

clean: ## remove the environment and everything made
	rm -rf $(VENV) .lqmodel data scores report.html .mypy_cache .ruff_cache .pytest_cache .hypothesis
