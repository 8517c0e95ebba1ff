# `make search` and `make test` work from a fresh clone: they make .venv and install what they need first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= 2
STUDY  ?= studies/quickstart.yaml

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev search test check format clean

help:            ## show these targets
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed, this is " + sys.version.split()[0]'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(VENV)/.installed          ## make the virtual environment and install the engine
setup-dev: $(VENV)/.installed-dev  ## the same with everything for development

search: setup    ## search the embedded digits for the best network under a latency budget (STUDY=... for another study)
	$(BIN)/nas search $(STUDY)

test: setup-dev  ## run the tests in JOBS processes (FLAGS='-m "not slow"' leaves out the slow ones)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadgroup $(FLAGS)

check: setup-dev ## formatting, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup-dev ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:           ## remove the virtual environment and caches, never results/
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
