# Python to build the environment with (3.11 or newer), where the environment is, and tests at a time.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
# Further arguments of demo, test and bench, e.g. `make test ARGS="-k score"`.
ARGS ?=
# How long a soak lasts.
MINUTES ?= 60

PY := $(VENV)/bin/python
# One test at a time to whoever is free, so that all workers are busy to the end.
PYTEST := $(PY) -m pytest -n $(WORKERS) --maxschedchunk 1
# Wheels only: a source archive would fetch its build tools, and those no lock file holds to a hash.
PIP := $(PY) -m pip --disable-pip-version-check -q
PIP_LOCKED := $(PIP) install --require-hashes --only-binary :all:
PIP_COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(PY) -m piptools compile -q --generate-hashes --allow-unsafe \
	--strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	--build-deps-for=editable

# A stamp is younger than what it was made from for as long as nothing is to be done.
RUNTIME := $(VENV)/.installed
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test prove soak check format lock bench clean format-check lint types imports docs-check

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(RUNTIME) ## make the environment and install the product (hash-checked)

demo: $(RUNTIME) ## run the whole loop on emulated systems; needs no credentials and no network
	@$(VENV)/bin/connector demo $(ARGS)

test: $(DEV) ## run the tests
	@$(PYTEST) $(ARGS)

# One more than otherwise: there, somebody always waits for a process or a socket.
prove: $(DEV) ## the proof by faults: killed everywhere, every fault, broken variants; an hour
	@$(PYTEST) -n $$(($(WORKERS) + 1)) tests/faults --prove $(ARGS)

soak: $(DEV) ## runs by workers on PostgreSQL for MINUTES (60) while workers, runs and the server are killed
	@$(PY) -m pytest -q -s --timeout 0 tests/faults/test_soak.py --soak $(MINUTES) $(ARGS)

check: format-check lint types imports docs-check test ## everything that CI checks

format: $(DEV) ## format the code and mend what the linter can mend
	@$(PY) -m ruff format
	@$(PY) -m ruff check --fix

lock: $(DEV) ## renew the lock files; UPGRADE=--upgrade takes the newest versions
	@# Dependencies of the oldest Python are a superset of those of the later ones, not the other way round.
	@$(PY) -c 'import sys; sys.exit("make lock needs Python 3.11" if sys.version_info[:2] != (3, 11) else 0)'
	@$(PIP_COMPILE) $(UPGRADE) -o requirements.lock pyproject.toml
	@$(PIP_COMPILE) $(UPGRADE) -c requirements.lock --extra dev -o requirements-dev.lock pyproject.toml

bench: $(DEV) ## run the benchmarks
	@$(PY) -m benchmarks $(ARGS)

clean: ## remove what the tools left behind; the environment and the data stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* build dist *.egg-info
	@find connector tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

format-check: $(DEV)
	@$(PY) -m ruff format --check

lint: $(DEV) ## ruff alone
	@$(PY) -m ruff check

types: $(DEV) ## mypy alone
	@$(PY) -m mypy

imports: $(DEV) ## the import contracts alone
	@$(VENV)/bin/lint-imports --no-logo

docs-check: $(DEV)
	@$(PY) tests/docs.py --check

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: ensurepip is missing (Debian: apt-get install python3-venv)" >&2; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(PY)
	@echo "installing the product"
	@$(PIP_LOCKED) -r requirements.lock
	@# Newer pips pass on that setuptools warns of what an editable install is.
	@PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "installing the tools"
	@$(PIP_LOCKED) -r requirements-dev.lock
	@touch $@
