# Everything a developer or a newcomer runs; CI runs `make check` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 14

demo: $(VENV)/.demo-ready  ## the product at work on real input, until Ctrl-C
	@$(BIN)/python -m lamplighter.demo

test: $(VENV)/.dev-ready  ## all tests, on all processors
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev-ready  ## lint, format, types, import boundaries
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev-ready  ## write the generated references anew
	$(BIN)/python docs/generate.py

client: $(VENV)/.dev-ready  ## write the client that waits from the asynchronous one
	$(BIN)/python tools/generate_client.py

examples: $(VENV)/.dev-ready  ## record the examples of the OpenAPI document
	$(BIN)/python tools/record_examples.py

pictures: $(VENV)/.dev-ready  ## a picture of every page of the Control Center, in build/pictures
	PYTHONPATH=tests $(BIN)/python tests/pages/take_pictures.py

bench: $(VENV)/.dev-ready  ## measure beside others, for hours; writes benchmarks/RESULTS.md
	$(BIN)/python benchmarks/against_others.py

clean:  ## remove the environment and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Lamplighter needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "Python has no ensurepip here. On Debian: apt install python3-venv"; exit 1; }
	@echo "Making the environment in $(VENV) (once; a minute or so) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[scrapy,fleet]'
	@touch $@

$(VENV)/.dev-ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[scrapy,fleet,notifications,parquet,postgresql,s3,tracing,dev]'
	@touch $@ $(VENV)/.demo-ready

.PHONY: help demo test check docs client examples pictures bench clean
