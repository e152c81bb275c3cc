# The driver for people and for CI. Every target needs only Python, make and, the first
# time, the package index; the environment is made in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
PIP_INSTALL := -m pip --disable-pip-version-check -q install
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# Environments of their own for the oldest and the newest versions of the dependencies.
FLOORS := .venv-floors
NEWEST := .venv-newest

# Plots go to files: no target needs a screen.
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: demo test lint floors newest bench evidence mutants docs dist clean help

demo: $(STAMP)  ## AutoAL on the digits: a table here, plots in demo/
	$(BIN)/python examples/digits.py --output demo

test: lint  ## lint, then every test: unit, property, doctests, examples
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal --durations=20

lint: $(STAMP)  ## ruff: the rules, and the format without changing a file; mypy: types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# No doctests: NumPy 1 prints scalars differently. Old releases use what newer ones of other
# packages have deprecated. scikit-learn 1.6 runs some of its checks twice under one name.
floors: $(FLOORS)/.installed  ## the tests with the oldest supported versions (.venv-floors)
	OMP_NUM_THREADS=1 $(FLOORS)/bin/python -m pytest tests -n auto --dist worksteal \
	    -W default::DeprecationWarning -W default::PendingDeprecationWarning \
	    -W default::FutureWarning \
	    -o strict_parametrization_ids=false

newest:  ## every test with the newest versions, without constraints (.venv-newest)
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python $(PIP_INSTALL) --upgrade --upgrade-strategy eager -e ".[test]"
	$(NEWEST)/bin/python $(PIP_INSTALL) --upgrade --no-deps baal modAL-python "small-text>=2.0.0.dev4"
	OMP_NUM_THREADS=1 $(NEWEST)/bin/python -m pytest -n auto --dist worksteal

bench: $(STAMP)  ## time the queries on pools of growing size
	$(BIN)/python benchmarks/query.py

docs: $(DOCS_STAMP)  ## the documentation site, its links checked: docs/_build/html/index.html
	@rm -rf docs/_build/html
	@echo "Building the site in docs/_build/html: two to three minutes on one core"
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "Checking the links of the site"
	$(BIN)/python docs/check_site.py docs/_build/html

dist: $(STAMP)  ## sdist and wheel in dist/, checked, tried in an empty environment
	rm -rf build dist
	$(PIP) install -c constraints.txt build twine
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python tools/check_wheel.py dist/*.whl

evidence: $(STAMP)  ## a small version of the main table of "Does it work?" (minutes)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/study.py run small

mutants: $(STAMP)  ## what the tests of strategies, mixing and search miss: mutants/results.jsonl (an hour)
	$(PIP) install -c constraints.txt mutmut==3.8.1
	OMP_NUM_THREADS=1 $(BIN)/python tools/mutants.py --sample 1000 --budget 6

clean:  ## remove what the other targets wrote (keeps .venv*: delete them by hand)
	rm -rf demo build dist mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	rm -rf docs/_build docs/auto_examples docs/generated
	find . -path './.venv*' -prune -o -type d -name __pycache__ -exec rm -rf {} +

help:  ## this list
	@echo "make TARGET [PYTHON=python3.11]   (PYTHON makes .venv; 3.10 or newer)"
	@echo
	@awk -F ':.*##' '/^[a-z]+:.*##/ { printf "  %-9s%s\n", $$1, $$2 }' Makefile

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	    echo "skautoal needs Python 3.10 or newer; '$(PYTHON)' is" \
	        "$$($(PYTHON) -V 2>/dev/null || echo missing). Remedy: make PYTHON=/path/to/python3.11" >&2; \
	    exit 1; }
	@echo "Making $(VENV) (the first time it installs torch: this takes minutes)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e ".[test]"
# modAL asks for skorch 0.9, baal for Jupyter, small-text for a tokenizer: not used here.
	$(PIP) install -c constraints.txt --no-deps baal modAL-python small-text
	@touch $@

$(DOCS_STAMP): $(STAMP)
	@echo "Installing what the documentation needs into $(VENV)"
	$(PIP) install -c constraints.txt -e ".[docs]"
	@touch $@

$(FLOORS)/.installed: pyproject.toml constraints.txt tools/floors.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 12))' || { \
	    echo "The oldest supported versions have wheels for Python 3.10 and 3.11 only." \
	        "Remedy: make floors PYTHON=/path/to/python3.11" >&2; \
	    exit 1; }
	$(PYTHON) -m venv --clear $(FLOORS)
	$(FLOORS)/bin/python $(PIP_INSTALL) packaging "tomli; python_version < '3.11'"
	$(FLOORS)/bin/python tools/floors.py > $(FLOORS)/floors.txt
	$(FLOORS)/bin/python tools/floors.py --peers > $(FLOORS)/peers.txt
	$(FLOORS)/bin/python $(PIP_INSTALL) -r $(FLOORS)/floors.txt
	$(FLOORS)/bin/python $(PIP_INSTALL) --no-deps -r $(FLOORS)/peers.txt makefun -e .
	@touch $@
