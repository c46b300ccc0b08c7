# vbsdash: `make help` lists the verbs.
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY = $(VENV)/bin/python
SHELL = /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test lint lock clean

help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(VENV)/run.stamp: requirements.txt
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "vbsdash needs Python 3.11 or newer with venv: apt-get install python3.11 python3.11-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/test.stamp: requirements-dev.txt $(VENV)/run.stamp
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: $(VENV)/run.stamp ## start everything; Ctrl-C stops it
	@exec $(PY) manage.py up

test: $(VENV)/test.stamp ## run all tests, on SQLite and on PostgreSQL
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	env -i PATH="$$PATH" LANG=C.UTF-8 HOME="$$home" CI="$$CI" TERM="$$TERM" \
	  $(PY) -m pytest -n 2 --dist each -q $(ARGS)

lint: $(VENV)/test.stamp ## ruff, mypy, djlint, migrations
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy .
	@$(VENV)/bin/djlint templates --lint --quiet
	@DATABASE_URL=sqlite://:memory: $(PY) manage.py makemigrations --check --dry-run

lock: $(VENV)/test.stamp ## pin requirements*.in again
	@for name in requirements requirements-dev; do $(VENV)/bin/uv pip compile --quiet --generate-hashes --universal \
	  --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header $$name.in -o $$name.txt; done

clean: ## remove the environment and the caches; data in var/ stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
