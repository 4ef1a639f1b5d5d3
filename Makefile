# `make quickstart` and `make test` set up what they need in .venv; nothing else is required.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: quickstart test lint format benchmark docs docs-serve test-vllm test-label-studio clean

$(INSTALLED): setup.py constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev,torch,ray,reviews,serve,ctranslate2,docs]'
	touch $@

quickstart: $(INSTALLED)
	bash scripts/quickstart.sh

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/shellcheck scripts/*.sh .ci/run

test: lint
	$(BIN)/pytest -n 2
	bash scripts/test_older_processors.sh
	bash scripts/test_wheel.sh

benchmark: $(INSTALLED)
	$(BIN)/python scripts/benchmarks/run.py

# The site is a set of files: any web server shows build/site.
docs docs-serve: export NO_MKDOCS_2_WARNING = 1
docs: $(INSTALLED)
	$(BIN)/python -m mkdocs build --strict

docs-serve: $(INSTALLED)
	$(BIN)/python -m mkdocs serve

test-vllm:
	bash scripts/test_vllm.sh

test-label-studio: $(INSTALLED)
	bash scripts/test_label_studio.sh

clean:
	rm -rf quickstart build *.egg-info
