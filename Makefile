# One word per job. `make help` lists them; each can be repeated at any time and is quick when nothing changed.

# By its name, because on Windows it is in the folder of Git.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The oldest supported Python is preferred where several are installed: newer ones run what it runs.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
export PYTHON

# Test workers and the processes they start share what the first of them compiled, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

# What tests draw: their order, faults, random acts. The same each time, so that a red run tells of what was changed;
# `make test SEED=N` draws anew.
SEED ?= 1

# Of the costly tests `make test` runs one turn of TURNS, and of their variants some, drawn by SEED. As many consecutive
# seeds as there are turns run all costly tests. `make nightly` sets DRAW to nothing and runs all variants.
TURNS ?= 64
DRAW = --draw-variants=$(SEED) --turns=$(TURNS)

# The tests that run at a desk of any system, without a server.
ROOMS := $(addprefix tests/,domain settings wording providers sandbox cli views)
DATABASE ?= mariadb

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(BIN)/python
STAMPS := $(VENV)/.stamps

.PHONY: help setup run test nightly quick rooms databases check soak window bench shots mutants docs build deb appimage bare installer sbom audit lock upgrade clean

help:  ## this list
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(STAMPS)/system $(STAMPS)/project  ## the environment in .venv, from the hash-pinned lock; system packages first

run: setup  ## the demo: window, embedded database, sandbox provider, invented records
	@scripts/display.sh
	@$(BIN)/support-console demo

test: $(STAMPS)/prepared  ## all checks, beside them the tests on three workers; of costly ones a part, drawn by SEED
	@echo "Running the checks and the tests …"
	@$(MAKE) --no-print-directory check COLLECTED=yes >$(STAMPS)/check.log 2>&1 & checks=$$!; tests=0; \
		$(PY) -m pytest -n 3 --dist each --divide-files --max-worker-restart=0 -m "not soak" \
		--randomly-seed=$(SEED) --hypothesis-seed=$(SEED) $(DRAW) $(ARGS) || tests=$$?; \
		wait $$checks || { cat $(STAMPS)/check.log; echo "The checks failed: see above."; exit 1; }; exit $$tests

nightly: DRAW =
nightly: test  ## the same with every variant of every test

quick: setup  ## the tests of what was changed since main, as many as fit into half a minute
	@$(PY) -m pytest -q -n 2 --dist loadfile -m "not soak" $$($(PY) -m scripts.quick_tests)

rooms: setup  ## the tests of a desk that need no server; they are for Windows and macOS too
	@$(PY) -m pytest -n 2 --dist loadfile -m "not soak" $(ROOMS) $(ARGS)

databases: setup $(STAMPS)/servers  ## all tests that run on one kind of database server: DATABASE=mariadb, galera or mysql
	@[ "$(DATABASE)" != mysql ] || [ -n "$${CONSOLE_TEST_MYSQL_URL:-}" ] || \
		{ echo "No server is given: CONSOLE_TEST_MYSQL_URL=mysql+pymysql://admin:secret@host:port/ make databases DATABASE=mysql"; exit 1; }
	@$(PY) -m pytest -n 2 --dist loadfile -m "not soak" -k "$(DATABASE)" $(ARGS)

check: setup  ## ruff (rules and form), import contracts, lock and reference in step, house rules, mypy --strict
	@echo "Checking style, imports, lock, house rules and types …"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/lint-imports --no-logo
	@$(PY) -m scripts.lock --check
	@$(PY) -m scripts.house_checks
	@$(PY) -m scripts.reference --check
	@# Beside the type checker, which has one core: every test can be collected. A run of the tests shows that anyway.
	@if [ -n "$(COLLECTED)" ]; then $(BIN)/mypy; exit; fi; \
		$(PY) -m pytest --collect-only -qq >/dev/null & tests=$$!; $(BIN)/mypy; wait $$tests || \
		{ echo 'Not every test can be collected; pytest --collect-only says which.'; exit 1; }

soak: setup $(STAMPS)/servers  ## the tests at full counts (up to 90 minutes; can be resumed)
	@$(PY) -m tests.soak $(ARGS)

window: setup $(STAMPS)/servers  ## the window's tests at desks that ask a worker (make test runs them embedded)
	@$(PY) -m pytest -n 2 tests/desk --through-worker

bench: setup $(STAMPS)/servers  ## the figures: each with its floor or peer, the ratio and the goal
	@$(PY) -m tests.bench $(ARGS)

shots: setup  ## a screenshot of every screen, into shots/
	@$(PY) -m tests.shots $(ARGS)

mutants: setup  ## breaks guards one by one, then places drawn at random, and shows what the tests notice
	@$(PY) -m tests.mutants $(ARGS)
	@$(PY) -m tests.mutants.drawn $(DRAWN)

docs: setup $(STAMPS)/docs  ## the site of the guides with its search, into build/site; a broken link fails
	@# Not --quiet: that would also keep back the warnings which make a strict build fail.
	@said=$$($(BIN)/properdocs build --strict 2>&1) || { echo "$$said" | grep -v ^INFO; exit 1; }
	@echo "build/site/index.html"

build: setup $(STAMPS)/build-tools  ## the one-folder application, into dist/support-console
	@$(PY) build_spec.py $(ARGS)

# The folder is built anew when something that is in it has changed.
BUILT := dist/support-console/MANIFEST.sha256
$(BUILT): build_spec.py support-console.spec requirements.lock $(shell git ls-files console resources licenses scripts/bundle 2>/dev/null)
	@$(MAKE) --no-print-directory build ARGS=

deb: $(BUILT)  ## the package for Debian and Ubuntu, into dist/
	@$(PY) -m scripts.bundle.debian

appimage: $(BUILT)  ## the AppImage, into dist/; APPIMAGE_RUNTIME=FILE names its runtime
	@$(PY) -m scripts.bundle.appimage

# A Debian that has nothing of ours, for the packages and what they depend on.
BARE := build/debian-12
$(BARE).made: | root
	@debootstrap --variant=minbase bookworm $(BARE) && touch $@

# First, so that nobody waits for a build that can't be tested.
.PHONY: root
root:
	@[ "$$(id -u)" = 0 ] || { echo "Only root can install packages in the bare Debian."; exit 1; }

bare: root $(BUILT) $(BARE).made  ## installs the packages in a bare Debian 12, starts and removes them; as root, with debootstrap
	@CONSOLE_TEST_BARE_DEBIAN=$(abspath $(BARE)) $(PY) -m pytest -m soak tests/packaging/test_bare_debian.py $(ARGS)

installer: $(BUILT)  ## the installer of this system: a .deb, on Windows a setup program, on macOS a disk image
	@$(PY) -m scripts.bundle.installer

sbom: setup  ## what runs, as CycloneDX, into dist/sbom.json
	@mkdir -p dist && $(PY) -m scripts.third_party_documents dist/sbom.json

audit: setup  ## asks about known vulnerabilities of every pin (needs the network; 2: out of reach)
	@$(PY) -m scripts.audit

lock: setup  ## the three lock files from pyproject.toml; pins that still fit stay
	@$(PY) -m scripts.lock

upgrade: setup  ## the three lock files with the newest versions that fit
	@$(PY) -m scripts.lock --upgrade

clean:  ## removes what make made, the environment included
	rm -rf $(VENV) build dist shots .bench *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis


# ---- how the environment comes to be; each step leaves a stamp and is skipped until what it rests on changes

$(STAMPS)/environment: scripts/system_packages.sh
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is not. Another one: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@scripts/system_packages.sh python
	@$(PY) -c 'import pip' 2>/dev/null || \
	  { echo "Making the environment in $(VENV) …"; "$(PYTHON)" -m venv --clear $(VENV); }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/system: scripts/system_packages.sh $(STAMPS)/environment
	@scripts/system_packages.sh window
	@touch $@

$(STAMPS)/locked: requirements.lock $(STAMPS)/environment
	@echo "Installing the pinned packages (each file is checked against its hash) …"
	@# The pinned pip first: that of Debian 12 (23.0) takes 55 s of processor time here, the pinned one 20 s.
	@sed -n '/^pip==/,/[^\\]$$/p' $< >$(STAMPS)/pip.lock
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r $(STAMPS)/pip.lock
	@$(PY) -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(STAMPS)/project: pyproject.toml $(STAMPS)/locked
	@echo "Installing the project itself, editable …"
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(STAMPS)/docs: docs.lock $(STAMPS)/locked
	@echo "Installing the builder of the site …"
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r docs.lock
	@touch $@

$(STAMPS)/build-tools: scripts/system_packages.sh $(STAMPS)/system
	@scripts/system_packages.sh build
	@touch $@

# pip unpacks the pinned packages on one core while apt-get installs all system packages on the other. Where that may not
# be done, the steps after it say what is missing.
.PHONY: $(STAMPS)/prepared
$(STAMPS)/prepared: $(STAMPS)/environment
	@$(MAKE) --no-print-directory $(STAMPS)/project & python=$$!; \
		{ scripts/system_packages.sh window build servers || true; } && \
		$(MAKE) --no-print-directory $(STAMPS)/system $(STAMPS)/build-tools $(STAMPS)/servers; \
		system=$$?; wait $$python && exit $$system

# Without the servers their tests are skipped, and say so; on CI that is no way to go on.
$(STAMPS)/servers: scripts/system_packages.sh $(STAMPS)/system
	@if scripts/system_packages.sh servers; then touch $@; \
	  elif [ "$${CI:-}" = true ] || [ "$${CONSOLE_TEST_REQUIRE_SERVERS:-}" = 1 ]; then exit 1; \
	  else echo "Going on: the tests that need a server are skipped."; fi
