# `make test` and `make demo` start from a machine with python >= 3.11, git and make:
# each makes .venv, installs what it needs there and runs.

# Fixed, so that a new torch is adopted on purpose. Another build: make test TORCH=torch==2.11.0
TORCH ?= torch==2.13.0
# The first interpreter that is new enough and can make an environment.
PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.13 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Two workers of one thread each are quicker than one of two: most tests are small.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

.PHONY: test demo bench clean

test: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

demo: .venv/.installed
	$(BIN)/synth demo -o demo --overwrite

bench: .venv/.installed-bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build *.egg-info

# Each stamp is newer than pyproject.toml only once its install has succeeded.
.venv/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 with venv found; name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) "$(TORCH)" --editable .
	@touch $@

.venv/.installed-%: .venv/.installed
	$(PIP) "$(TORCH)" --editable ".[$*]"
	@touch $@
