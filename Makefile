# The portal's everyday commands. Each brings what it needs on a fresh machine that has
# Python 3.11 or 3.12 (with venv), git and make.
#
#   make demo   the whole life of a calibration set, then the portal on 127.0.0.1:8000
#   make run    the portal again, on what the demo left
#   make test   every test (ARGS="-k names" picks some)
#   make lint   everything .ci/run checks before the tests
#   make bench  what benchmarks/ needs beside the developers' requirements
#   make lock   write requirements/*.txt anew from requirements/*.in

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo run test lint format bench lock venv base dev chromium

VENV := .venv
RUN := $(VENV)/bin/python

# Interpreters tried, best first; `make PYTHON=/path/to/python3.11 ...` names one.
PYTHON ?=
INTERPRETERS := $(or $(PYTHON),python3.12 python3.11 python3)
IS_SUPPORTED := import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12)])
HAS_VENV := import ensurepip, venv

# The lock is the whole closure, so pip resolves nothing (its resolver cannot match a
# hashed pin to a requirement with extras); `pip check` then proves that it is closed.
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --no-input
LOCKED := --no-deps --require-hashes --only-binary :all:
PROJECT := --no-deps --no-build-isolation --editable .

UV := uv==0.9.11
COMPILE := pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-strip-extras --no-build --no-header --quiet

help:
	@sed -n '4,9s/^#   //p' Makefile

demo: base
	@$(RUN) manage.py demo $(ARGS)

run: base
	@$(RUN) manage.py serve $(ARGS)

# Whole modules go to one process, for what they share is made once, in tests/' order.
# There is a process for each processor: libraries add no threads, as in the gateway.
test: dev chromium
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -n logical --dist loadfile --no-loadscope-reorder $(ARGS)

lint: dev
	@.ci/lint

# Each benchmark is one command: `.venv/bin/python -m benchmarks.combine`, and so on.
bench: dev
	@$(INSTALL) $(LOCKED) -r requirements/bench.txt
	@$(RUN) -m pip check --quiet

format: dev
	@$(VENV)/bin/ruff check --fix --quiet . && $(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/djhtml --tabwidth 2 templates

lock: venv
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(RUN) -m venv "$$tools" && "$$tools/bin/pip" install --quiet '$(UV)' && \
	for name in base dev bench; do \
		"$$tools/bin/uv" $(COMPILE) $(ARGS) requirements/$$name.in \
			--output-file requirements/$$name.txt; \
	done

# In a make of its own: one that made .venv anew still believes in the stamps it held.
base: venv
	@$(MAKE) --silent --no-print-directory $(VENV)/base.stamp
dev: venv
	@$(MAKE) --silent --no-print-directory $(VENV)/dev.stamp

# The developers' lock holds the portal's as well: whoever has it needs no second install.
$(VENV)/base.stamp: requirements/base.txt pyproject.toml
	@echo "Installing the portal's requirements into $(VENV)."
	@$(INSTALL) $(LOCKED) -r requirements/base.txt
	@$(INSTALL) $(PROJECT)
	@$(RUN) -m pip check --quiet
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml
	@echo "Installing the portal's and the developers' requirements into $(VENV)."
	@$(INSTALL) $(LOCKED) -r requirements/dev.txt
	@$(INSTALL) $(PROJECT)
	@$(RUN) -m pip check --quiet
	@touch $@ $(VENV)/base.stamp

# A working environment is kept as it is; a missing or broken one is made anew.
venv:
	@if $(RUN) -c '$(IS_SUPPORTED)' 2>/dev/null && $(RUN) -m pip --version >/dev/null 2>&1; \
	then exit 0; fi; \
	for python in $(INTERPRETERS); do \
		if "$$python" -c '$(IS_SUPPORTED)' 2>/dev/null; then \
			"$$python" -c '$(HAS_VENV)' 2>/dev/null || { \
				echo "$$python has no venv module: install Debian's python3-venv and run make again." >&2; \
				exit 1; \
			}; \
			"$$python" -m venv --clear $(VENV); \
			exit 0; \
		fi; \
	done; \
	echo "The portal needs Python 3.11 or 3.12 and none of these is one: $(INTERPRETERS); install one, or name it with make PYTHON=/path/to/python3.12." >&2; \
	exit 1

# Browser tests drive Debian's Chromium; nothing is skipped when it cannot be had.
chromium:
	@command -v chromium >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ]; then sudo=""; \
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo="sudo -n"; \
	else sudo="false"; fi; \
	if command -v apt-get >/dev/null && \
		$$sudo apt-get update --quiet=2 && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes \
			--no-install-recommends chromium >/dev/null && \
		command -v chromium >/dev/null; then exit 0; fi; \
	echo "The browser tests need Chromium: install Debian's package (apt-get install chromium, as root) and run make test again." >&2; \
	exit 1
