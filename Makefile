# Everything a person or a machine does with this repository. Each target works as the first command
# on a fresh Debian that has Python 3.11, Node 20 and make.

SHELL      := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
UI     := src/forebay/web/ui
STATIC := src/forebay/web/static
PYTEST_ARGS ?=

# Stamps: a step runs again only when what it was made from changed.
INSTALLED    := $(VENV)/.installed
UI_INSTALLED := $(UI)/node_modules/.installed
UI_BUILT     := $(UI)/node_modules/.built
UI_SOURCES   := $(shell find $(UI) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: help install ui demo check test proof bench bench-long lock docs picture clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 20

install: $(INSTALLED) ui  ## A virtual environment from the lock file, forebay in it, and its front end

$(INSTALLED): requirements-dev.lock pyproject.toml
	@scripts/have python "$(PYTHON)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

ui: $(UI_BUILT)

$(UI_INSTALLED): $(UI)/package.json $(UI)/package-lock.json
	@scripts/have node
	cd $(UI) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(UI_BUILT): $(UI_INSTALLED) $(UI_SOURCES)
	cd $(UI) && npm run --silent build
	@test -f $(STATIC)/index.html || { echo "the front end was built, but $(STATIC)/index.html is not there" >&2; exit 1; }
	@touch $@

demo: install  ## The restaurant example with simulated clicks; prints the dashboard's address
	@scripts/demo $(BIN)

check: install  ## Style, types and import layers, without the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd $(UI) && npm run --silent check

test: install  ## All that must hold: style, types, layers, tests (at most 25 minutes on two cores)
	@scripts/have tests
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not proof" $(PYTEST_ARGS)

proof: install  ## Everything slow or foreign (at most 80 minutes)
	@scripts/have tests
	$(BIN)/python -m pytest -m proof --timeout 1800 $(PYTEST_ARGS)

bench: install  ## The measures of the README, each beside what it is compared with (about ten minutes)
	$(BIN)/python -m benchmarks

bench-long: install  ## The cost per event at growing sizes
	$(BIN)/python -m benchmarks --long

lock:  ## Resolve all dependencies anew into the lock files: forebay's, and those of the programs it is tested with
	test -x .venvs/lock/bin/uv || { $(PYTHON) -m venv .venvs/lock && .venvs/lock/bin/python -m pip install --quiet uv; }
	PATH=$$PWD/.venvs/lock/bin:$$PATH scripts/lock

docs: install  ## The pages that are made from the source
	$(BIN)/python scripts/package_readme.py
	$(BIN)/python scripts/reference_pages.py
	$(BIN)/python scripts/errors_page.py
	$(BIN)/python scripts/cli_page.py
	$(BIN)/python scripts/aws_page.py
	$(BIN)/python scripts/reference_pages.py

picture: install  ## docs/images/dashboard.png, from the running demo
	@scripts/have tests
	$(BIN)/python scripts/picture.py docs/images/dashboard.png

clean:  ## Remove what the other targets made; state folders stay
	rm -rf $(VENV) .venvs $(UI)/node_modules $(STATIC) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
