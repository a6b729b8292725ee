# Everything a newcomer needs: `make run`, `make test`. Each target sets up what it needs.
#
# Setting up is done once and again only when pyproject.toml has changed; after that no
# target needs the network.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests mostly wait for servers: three processes keep two cores busy. Who has nothing left takes
# from the others, so that a file of long tests is not waited for at the end.
TEST_PROCESSES ?= 3
PYTEST := $(BIN)/python -m pytest
BESIDE_EACH_OTHER = --numprocesses $(TEST_PROCESSES) --dist worksteal
# Tests start hundreds of processes of psd, each of which would compile it anew.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Every release that the tests run with, and its hashes. CI and releases install these alone; a
# checkout takes the newest that pyproject.toml allows, unless it is told LOCKED=true.
LOCK := .ci/constraints.txt
LOCKED ?= $(CI)

.DEFAULT_GOAL := help
.PHONY: help setup run unit test-quick test property test-bare test-oldest test-cluster lint lock release bench screenshots chaos chaos-short all clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV)/.setup-stamp ## a .venv with the psd command

run: setup ## psd on this machine, with the sample loaded
	@echo "starting $(BIN)/psd up --sample; Control-C stops it"
	@$(BIN)/psd up --sample

unit: $(VENV)/.dev-stamp ## the rules alone, without a server and without long lists of cases; under ten seconds of CPU
	$(PYTEST) -p no:xdist --hypothesis-profile quick -m "not slow and not timed and not long" \
		tests/unit $(PYTEST_ARGUMENTS)

test-quick: $(VENV)/.dev-stamp ## unit, house, contract, and what is about the files that have changed; two minutes
	$(PYTEST) $(BESIDE_EACH_OTHER) --hypothesis-profile quick -m "not slow and not timed and not bare and not long" \
		tests/unit tests/house tests/contract $$($(BIN)/python -m tests.support.touched) $(PYTEST_ARGUMENTS)

# What measures time runs by itself, behind the others.
test: $(VENV)/.dev-stamp ## every test but the slow ones; missing servers are skipped, on CI they fail
	$(PYTEST) $(BESIDE_EACH_OTHER) -m "not slow and not timed and not bare" $(PYTEST_ARGUMENTS)
	$(PYTEST) -m "timed and not slow and not bare" $(PYTEST_ARGUMENTS)

property: $(VENV)/.dev-stamp ## the slow ones: random histories against plain lists, crowds, every byte
	$(PYTEST) $(BESIDE_EACH_OTHER) -m slow $(PYTEST_ARGUMENTS)

test-bare: $(VENV)/.dev-stamp ## docs of operators, the image and the oldest Python on machines with nothing but Debian; needs root
	$(PYTEST) -m bare tests/bare $(PYTEST_ARGUMENTS)

test-oldest: ## make test in a bare Debian 12, on its own Python 3.11.2, once a release; needs root
	.ci/test_bare_tree $(BARE_PACKAGES)

test-cluster: $(VENV)/.dev-stamp ## the integration tests, once more on a Redis Cluster of three masters
	PSD_TEST_CLUSTER=1 $(PYTEST) $(BESIDE_EACH_OTHER) -m "not slow and not timed and not bare" \
		tests/integration $(PYTEST_ARGUMENTS)

lint: $(VENV)/.dev-stamp ## ruff, mypy, the import layers, luacheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v luacheck >/dev/null; then \
		luacheck --quiet lua; \
	elif [ "$$CI" = true ]; then \
		echo "luacheck is missing: apt-get install lua-check" >&2; exit 1; \
	else \
		echo "luacheck is missing, so lua/ was NOT checked: apt-get install lua-check" >&2; \
	fi

bench: $(VENV)/.bench-stamp ## psd beside its peers; takes about 25 minutes
	$(BIN)/python -m bench.run $(BENCH_ARGUMENTS)

screenshots: $(VENV)/.dev-stamp ## pictures of the pages into docs/images
	$(BIN)/python -m tests.screenshots

chaos: $(VENV)/.dev-stamp ## kills and troubles of every part, then every bucket; about an hour
	$(BIN)/python -m tests.chaos.run $(CHAOS_ARGUMENTS)

chaos-short: $(VENV)/.dev-stamp ## the same with fewer trials, as CI runs it; about five minutes
	$(BIN)/python -m tests.chaos.run --short $(CHAOS_ARGUMENTS)

release: $(VENV)/.dev-stamp ## VERSION=0.2.0: builds, checks and tags it; publishes nothing
	@$(BIN)/python .ci/release.py "$(VERSION)"

lock: $(BIN)/python ## .ci/constraints.txt anew, from what pyproject.toml allows today
	@$(PIP) install uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --quiet --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --upgrade --output-file $(LOCK)

all: lint test bench ## lint, test and bench

clean: ## remove the .venv and what tools left behind; never data/
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "psd needs Python 3.11 or later: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "psd needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
		echo "Name another one: make PYTHON=python3.12 setup" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python cannot make a virtualenv: apt-get install python3-venv" >&2; exit 1; }
	@rm -rf $(VENV)
	@echo "making a virtualenv in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.setup-stamp: pyproject.toml | $(BIN)/python
	@echo "installing psd and the libraries it needs into $(VENV); a minute or so, once"
	@$(PIP) install --editable '.[embedded]'
	@touch $@
	@echo "installed: psd is called as $(BIN)/psd, or as psd after 'source $(BIN)/activate'"

# The wheels of the dependencies let tests/e2e install psd into empty environments, and make a
# release, without network.
$(VENV)/.dev-stamp: pyproject.toml $(LOCK) | $(BIN)/python
	@echo "installing psd, what it needs and what its tests need into $(VENV); a few minutes, once"
ifeq ($(LOCKED),true)
	@$(PIP) install --require-hashes --requirement $(LOCK)
	@$(PIP) install --no-deps --no-build-isolation --editable .
else
	@$(PIP) install --editable '.[dev]'
endif
	@rm -rf $(VENV)/wheels
	@echo "building the wheels that a test installs without network"
	@$(PIP) freeze --exclude-editable > $(VENV)/installed.txt
	@$(PIP) wheel --wheel-dir $(VENV)/wheels --constraint $(VENV)/installed.txt '.[brotli,charging,embedded,otel,pandas,parquet,rewards,site]' hatchling
	@rm -f $(VENV)/wheels/pointspace-*
	@touch $@ $(VENV)/.setup-stamp

$(VENV)/.bench-stamp: $(VENV)/.dev-stamp
	@echo "installing what the benchmarks need into $(VENV)"
	@$(PIP) install --editable '.[dev,bench]'
	@touch $@
