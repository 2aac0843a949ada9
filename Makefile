# make demo    see all of it work on this machine
# make up      run the app here until Ctrl-C
# make test    run all tests
# make docs    play the demo and the tutorials as the documents show them, in a fresh clone (minutes)
# make fuzz    ask every route for ten minutes what nobody would
# make lint    check the code
# make bench   measure
# make lock    pin dependencies anew
PYTHON ?= $(shell command -v python3.13 || command -v python3)
BIN := .venv/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --compile-bytecode --require-hashes

.PHONY: help demo up test docs fuzz bench lint lock
help:
	@sed -n 's/^# make/make/p' Makefile

demo: .venv/tools
	@$(BIN)/python -m devhost.demo

up: .venv/tools
	@$(BIN)/python -m devhost up

test: .venv/dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

docs: .venv/dev
	$(BIN)/python -m tests.docs.play README.md docs/tutorial-*.md docs/azure-batch.md docs/azure-ml.md

fuzz: .venv/dev
	FUZZ_SECONDS=600 $(BIN)/pytest tests/functions/web/test_fuzz.py

bench: .venv/dev
	$(BIN)/python -m bench

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

lock: .venv/uv
	$(UV) pip compile $(COMPILE) requirements/dev.in -o requirements-dev.txt $(FLAGS)
	$(UV) pip compile $(COMPILE) -c requirements-dev.txt $(TOOLS) -o requirements-tools.txt $(FLAGS)
	$(UV) pip compile $(COMPILE) -c requirements-dev.txt requirements/app.in -o requirements.txt $(FLAGS)
	$(UV) pip compile $(COMPILE) -c requirements-dev.txt requirements/anomaly.in -o scoring_images/anomaly/requirements.txt $(FLAGS)
	$(UV) pip compile $(COMPILE) -c requirements-dev.txt requirements/style.in -o scoring_images/style_transfer/requirements.txt $(FLAGS)
	$(UV) pip compile --quiet --generate-hashes --python-version 3.11 --universal requirements/style_training.in -o scoring_images/style_training/requirements.txt $(FLAGS)
	$(UV) pip compile $(COMPILE) requirements/azureml-v1.in -o requirements-azureml-v1.txt $(FLAGS)
	$(UV) pip compile $(COMPILE) requirements/uv.in -o requirements/uv.txt $(FLAGS)

TOOLS := $(addprefix requirements/,app.in anomaly.in style.in tools.in)
COMPILE := --quiet --generate-hashes --python-version 3.13 --universal
FLAGS := --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.venv/uv: requirements/uv.txt
	@"$(PYTHON)" -c 'import sys; v = sys.version.split()[0]; sys.exit(not v.startswith("3.13.") and f"Tally needs Python 3.13; $(PYTHON) is {v}. Name one: make PYTHON=/path/to/python3.13")'
	@echo "Installing what Tally needs into .venv (once)"
	@"$(PYTHON)" -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/tools: .venv/uv requirements-tools.txt pyproject.toml
	@$(INSTALL) -r requirements-tools.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/tools requirements-dev.txt
	@$(INSTALL) -r requirements-dev.txt
	@touch $@
