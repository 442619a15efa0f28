# Two commands do everything in a fresh clone: `make demo` and `make test`.
# All of them work in .venv, and touch nothing outside the checkout.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test soak check format bench bench-ray clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

.venv/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "pbtune needs Python >= 3.10: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: .venv/.ready ## the PBT function example, and its picture pbt_function.png
	$(BIN)/python examples/pbt_function.py --plot pbt_function.png

test: .venv/.ready ## all tests, on two cores
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

soak: .venv/.ready ## every point of every kill and fault sweep, 100,000 simulated runs: about an hour
	$(BIN)/python -m pytest -q tests/crash --soak
	$(BIN)/python -m pbtune.testing.simulate --seeds 0:100000 --jobs 2

check: .venv/.ready ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: .venv/.ready ## put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.ready ## the figures, beside a hand-written loop (and Ray Tune after bench-ray)
	$(BIN)/python -m benchmarks

bench-ray: ## a virtual environment with Ray Tune, for `make bench` to compare with
	test -x .venv-ray/bin/python || $(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install --quiet --disable-pip-version-check 'ray[tune]==2.60.*' numpy

clean: ## forget the virtual environment and all runs of this folder
	rm -rf .venv pbtune_results .pytest_cache .ruff_cache
