# The verbs of vbsdash; `make help` lists them. ARGS="…" reaches the tool behind a verb.
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run test lint style format lock sbom licences audit bench soak screenshots clean venv dev browser servers rabbitmq hosts announce environment oidc apprise

VENV ?= .venv
BIN := $(VENV)/bin
CHROMIUM := chromium chromium-browser google-chrome

# Tests and linters see nothing of the operator: no settings, no clouds.yaml, a home and a data folder of their own.
ALONE = home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT INT TERM && \
	env -i PATH="$$PATH" LANG=C.UTF-8 HOME="$$home" XDG_RUNTIME_DIR="$$home" VBSDASH_DATA_DIR="$$home/var" \
	TERM="$${TERM:-dumb}" $${TMPDIR:+TMPDIR="$$TMPDIR"} $${CI:+CI="$$CI"} $$(cat $(VENV)/.browser 2>/dev/null) \
	$${VBSDASH_TEST_PATIENCE:+VBSDASH_TEST_PATIENCE="$$VBSDASH_TEST_PATIENCE"} \
	$${VBSDASH_TEST_CLOCK:+VBSDASH_TEST_CLOCK="$$VBSDASH_TEST_CLOCK"}

# Installs one requirements file when its checksum is not the one installed last.
define install
	@now=$$(sha256sum < $(1)); stamp=$(VENV)/.installed-$(1); \
	if [ "$$now" != "$$(cat $$stamp 2>/dev/null)" ]; then \
		echo "installing $(1) into $(VENV) ..."; rm -f $$stamp; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r $(1) && \
		echo "$$now" > $$stamp; \
	fi
endef

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: venv ## start everything: web, worker, scheduler, broker if none is configured; Ctrl-C stops it
	@if [ -n "$$VBSDASH_OIDC_ISSUER" ] || grep -qs '^ *\(export \)\?VBSDASH_OIDC_ISSUER *=.' .env; then $(MAKE) oidc; fi
	@if grep -Eqs '^[^#]*kind: *.?apprise' "$${VBSDASH_CHANNELS_FILE:-channels.yaml}"; then $(MAKE) apprise; fi
	@exec $(BIN)/python manage.py up --stop-with-parent $(ARGS)

# Workers come in pairs, SQLite and PostgreSQL, with a part of the files each (backups/tests/conftest.py). Tests wait more
# than they work, so there are two pairs for two cores.
test: announce dev browser servers ## run all tests on SQLite and PostgreSQL, with a real broker and a real browser
	@$(ALONE) $(BIN)/python -m pytest -n 4 --dist each -q -m "not soak" $(ARGS)

lint: dev ## style, types, templates, missing migrations, Django's own checks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(ALONE) $(BIN)/mypy .
	@$(BIN)/djlint templates --lint --quiet
	@python3 .ci/style.py
	@$(ALONE) $(BIN)/python manage.py makemigrations --check --dry-run
	@$(ALONE) $(BIN)/python manage.py check --fail-level WARNING

style: ## print how dense the code is, and fail where it is denser than agreed; ARGS=--folders tells where
	@python3 .ci/style.py $(ARGS)

format: dev ## put code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: dev ## pin requirements*.in into requirements*.txt (ARGS=--upgrade takes newer versions)
	@for name in requirements requirements-oidc requirements-apprise requirements-dev; do \
		$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
			--no-emit-index-url --no-emit-find-links --no-header $(ARGS) $$name.in -o $$name.txt || exit 1; \
	done

sbom: dev ## write what vbsdash runs on into build/: an SBOM (CycloneDX) and the licences; fails for a licence that is not allowed
	@$(BIN)/python .ci/sbom.py requirements.txt build
	@$(BIN)/python .ci/sbom.py requirements-oidc.txt build/oidc
	@$(BIN)/python .ci/sbom.py requirements-apprise.txt build/apprise

licences: sbom ## print each package that vbsdash runs on, with its licence
	@cat build/licences.txt build/oidc/licences.txt build/apprise/licences.txt | sort -u

audit: dev ## ask for known vulnerabilities: 0 none, 1 some, 3 could not be audited; ARGS="requirements-dev.txt", ARGS="-s osv"
	@$(BIN)/python .ci/audit.py $(ARGS)
	@$(if $(ARGS),:,$(BIN)/python .ci/audit.py requirements-oidc.txt)
	@$(if $(ARGS),:,$(BIN)/python .ci/audit.py requirements-apprise.txt)

bench: dev ## measure the refresh engine and the pages
	@$(ALONE) $$(env | grep '^VBSDASH_BENCH_') $(BIN)/python manage.py bench $(ARGS)

soak: announce dev browser servers rabbitmq hosts ## the long tests, and a part of the rig that proves the tests themselves; ARGS=long: the rest
	@$(ALONE) $(BIN)/python -m backups.tests.rig $(ARGS)

screenshots: dev browser ## take the pictures of the README anew
	@$(ALONE) VBSDASH_SCREENSHOTS=1 $(BIN)/python -m pytest -q -k screenshot $(ARGS)

clean: ## remove .venv and caches; the data in ./var stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment of Python 3.11 or newer with what vbsdash runs on.
venv:
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		python=$$(command -v python3.11 || command -v python3) || \
			{ echo "vbsdash needs Python 3.11 or newer: apt-get install python3.11 python3.11-venv" >&2; exit 1; }; \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
			{ echo "vbsdash needs Python 3.11 or newer, $$python is older: install python3.11" >&2; exit 1; }; \
		"$$python" -c 'import venv, ensurepip' 2>/dev/null || \
			{ echo "$$python cannot make virtual environments: apt-get install python3.11-venv" >&2; exit 1; }; \
		echo "making $(VENV) with $$python ..."; rm -rf $(VENV); "$$python" -m venv $(VENV); \
	fi
	$(call install,requirements.txt)

dev: oidc apprise
	$(call install,requirements-dev.txt)

oidc: venv ## install what single sign-on by OpenID Connect needs; make run does it where VBSDASH_OIDC_ISSUER is set
	$(call install,requirements-oidc.txt)

apprise: venv ## install what channels of the kind apprise need; make run does it where channels.yaml in this folder has one
	$(call install,requirements-apprise.txt)

# Says beforehand what is going to be installed: it may take minutes in which nothing else is printed.
announce:
	@new() { [ "$$(sha256sum < $$1)" != "$$(cat $(VENV)/.installed-$$1 2>/dev/null)" ]; }; \
	if new requirements.txt || new requirements-oidc.txt || new requirements-apprise.txt || new requirements-dev.txt; then \
		echo "To be installed first, which may take some minutes: requirements.txt, -oidc.txt, -apprise.txt and -dev.txt into $(VENV)"; \
	fi

# What tests and linters see of this shell's variables.
environment:
	@$(ALONE) env

# Finds Debian's RabbitMQ, or installs it where that is possible. Without one: a failure in CI, else a loud line.
rabbitmq:
	@if [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || .ci/install rabbitmq-server; then :; \
	elif [ -n "$$CI" ]; then echo "no RabbitMQ, and none can be installed: CI never skips its tests" >&2; exit 1; \
	else echo "!!! NO RABBITMQ: ITS TESTS ARE SKIPPED (apt-get install rabbitmq-server) !!!" >&2; fi

# Finds iproute2, which makes hosts of network namespaces, or installs it where that is possible. The tests themselves say
# whether this user may make any. Without it: a failure in CI, else a loud line.
hosts:
	@if command -v ip >/dev/null || .ci/install iproute2; then :; \
	elif [ -n "$$CI" ]; then echo "no iproute2, and it cannot be installed: CI never skips its tests" >&2; exit 1; \
	else echo "!!! NO IPROUTE2: THE TESTS OF SEVERAL HOSTS ARE SKIPPED (apt-get install iproute2) !!!" >&2; fi

# Finds Debian's nginx, tinyproxy and systemd-analyze, or installs them where that is possible. Without them: a failure in CI, else a loud line.
servers:
	@found() { [ -x /usr/sbin/nginx ] && [ -x /usr/bin/tinyproxy ] && [ -x /usr/bin/systemd-analyze ]; }; \
	if found || { .ci/install nginx-light tinyproxy systemd && found; }; then :; \
	elif [ -n "$$CI" ]; then echo "no nginx, tinyproxy and systemd-analyze, and they cannot be installed: CI never skips their tests" >&2; exit 1; \
	else echo "!!! NO NGINX, TINYPROXY OR SYSTEMD: THEIR TESTS ARE SKIPPED (apt-get install nginx-light tinyproxy systemd) !!!" >&2; fi

# Finds a Chromium, or installs Debian's where that is possible. Without one: a failure in CI, else a loud line.
browser:
	@: > $(VENV)/.browser; \
	found() { for name in $(CHROMIUM); do command -v $$name >/dev/null && return; done; return 1; }; \
	if found || { [ -z "$$VBSDASH_NO_BROWSER" ] && .ci/install chromium && found; }; then :; \
	elif [ -n "$$CI" ]; then echo "no Chromium, and none can be installed: CI never skips its tests" >&2; exit 1; \
	else \
		echo "VBSDASH_NO_BROWSER=1" > $(VENV)/.browser; \
		echo "!!! NO CHROMIUM: THE BROWSER TESTS ARE SKIPPED (apt-get install chromium) !!!" >&2; \
	fi
