# Needs Python 3.11 or newer and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# Passed on to pytest or the benchmarks: make test ARGS="-k phantom -x"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint audit types bench clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 16

demo: .venv/base ## read the example study that Hilum draws, into hilum-demo/
	$(BIN)/hilum demo --out hilum-demo

test: .venv/all ## the default tests, in two processes of one thread each
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-all: .venv/all ## slow tests and those that need a browser as well
	$(BIN)/python -m pytest -m '' $(ARGS)

lint: .venv/all ## ruff, Bandit, and the import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive src

audit: .venv/all ## known weaknesses of what is installed; asks the package index
	$(BIN)/pip-audit --local --skip-editable

types: .venv/all ## pyright
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: .venv/bench ## measure speed and memory, write benchmarks/results.md
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the environment, caches and the demonstration
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist hilum-demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The base is small (no torch, no byte code that is never run); the tests need torch: large.
.venv/base: pyproject.toml scripts/environment.py
	@echo "Installing Hilum into .venv ..."
	@$(PYTHON) scripts/environment.py .venv
	@$(PIP) --no-compile --editable .
	@touch $@

.venv/all: .venv/base
	@echo "Installing what tests and training need into .venv (torch: several GB on Linux) ..."
	@$(PIP) --editable '.[train,analyse,cluster,serve,postgres,dev]'
	@touch $@

.venv/bench: .venv/all
	@echo "Installing what Hilum is compared with into .venv ..."
	@$(PIP) --editable '.[bench]'
	@touch $@
