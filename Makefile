# One line of the README each: setup, demo, test, lint, docs, lock, clean.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
DATA := $(realpath ../shared/data)
ifndef LQMODEL_DATA
ifneq ($(DATA),)
export LQMODEL_DATA := $(DATA)
endif
endif

.PHONY: help setup demo test lint bench docs lock clean
help: ## what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(INSTALLED) ## make .venv from the hash-locked requirements

$(INSTALLED): requirements.txt pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" bash tools/setup.sh "$(VENV)"
	@touch $@

demo: setup ## a simulated company, from raw events to explained handoffs
	@$(VENV)/bin/lqmodel demo .

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

lock: setup ## rewrite requirements.txt with hashes
	@$(PY) -m uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements.txt

clean: ## remove the environment and everything made
	rm -rf $(VENV) .lqmodel data scores report.html .mypy_cache .ruff_cache .pytest_cache .hypothesis
