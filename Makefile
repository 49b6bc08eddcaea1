# make demo          sets everything up and opens the app on the sample data
# make demo-headless does the main job without a terminal: check, select, train, export
# make test          sets everything up and runs every check and test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := .demo

.PHONY: demo demo-headless test lint readme setup clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[ml,dev]"
	touch $@

$(DEMO)/support.jsonl: sample_data/support.jsonl
	mkdir -p $(DEMO)
	cp sample_data/support.jsonl $(DEMO)/

demo: setup $(DEMO)/support.jsonl
	$(BIN)/sde $(DEMO)/support.jsonl

demo-headless: setup
	$(BIN)/python sample_data/demo_headless.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

readme: setup
	$(BIN)/python -m tests.readme
	$(BIN)/python docs/make_picture.py

clean:
	rm -rf $(VENV) $(DEMO) .pytest_cache .mypy_cache .ruff_cache
