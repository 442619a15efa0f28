# Two commands do everything in a fresh clone: `make demo` and `make test`.
# All of them work in .venv, and touch nothing outside the checkout.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test test-ray test-trackers soak check format bench bench-ray clean

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

test-trackers: ## MLflow, W&B and TensorBoard, in an environment of their own: they are heavy
	test -x .venv-trackers/bin/python || $(PYTHON) -m venv .venv-trackers
	.venv-trackers/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[trackers-test]'
	.venv-trackers/bin/python -m pytest -q tests/trackers

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

WITH_RAY := tests/executors/ray tests/checkpoints/test_remote.py tests/tune/test_s3.py
# Ray and a server of S3's protocol: the comparison and the tests of clusters need them, nothing else.
.venv-ray/.ready: pyproject.toml
	test -x .venv-ray/bin/python || $(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install --quiet --disable-pip-version-check --retries 10 \
		'ray[tune]==2.60.*' --editable '.[dev-ray]'
	touch $@

test-ray: .venv-ray/.ready ## tests on Ray clusters and on a server of S3's protocol
	.venv-ray/bin/python -m pytest -q $(WITH_RAY)

bench-ray: .venv-ray/.ready ## an environment with Ray Tune, for `make bench` to compare with

clean: ## forget the virtual environments and all runs of this folder
	rm -rf .venv .venv-ray pbtune_results .pytest_cache .ruff_cache
