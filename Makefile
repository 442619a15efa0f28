# Two commands do everything in a fresh clone: `make demo` and `make test`.
# All of them work in .venv, and touch nothing outside the checkout.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test test-trackers soak check format bench bench-ray clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

.venv/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "pbtune needs Python >= 3.10: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: .venv/.ready ## the PBT function example, and its picture pbt_function.png
	$(BIN)/python examples/pbt_function.py --plot pbt_function.png

test: .venv/.ready ## all tests
	$(BIN)/python -m pytest -q

test-trackers: ## MLflow, W&B and TensorBoard, in an environment of their own: they are heavy
	test -x .venv-trackers/bin/python || $(PYTHON) -m venv .venv-trackers
	.venv-trackers/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[trackers-test]'
	.venv-trackers/bin/python -m pytest -q tests/trackers

soak: .venv/.ready ## every point of every kill and fault sweep, and long rounds: half an hour
	$(BIN)/python -m pytest -q tests/crash --soak

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
