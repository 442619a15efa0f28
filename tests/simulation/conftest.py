"""The tools that planted bugs are searched with: each gives what it found, or None."""

import importlib.util
from pathlib import Path

import pytest

from pbtune.checkpoints.store import LocalStore
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.space import uniform
from pbtune.executors.inline import InlineExecutor
from pbtune.journal.memory import MemoryJournal
from pbtune.testing.contracts import (
    CheckpointStoreContract,
    ExecutorContract,
    JournalContract,
    SchedulerContract,
)
from pbtune.testing.simulate import run_seed
from pbtune.worker.protocol import WorkerSettings


class OfMemory(JournalContract):
    def reopened(self, journal):
        return journal.copy()

    def rows(self, journal):
        return journal.rows


def inline(function, tmp_path):
    return InlineExecutor(WorkerSettings(str(tmp_path), "run", ("x",)), function, {})


PARTS = {
    "journal": (OfMemory, lambda _: [MemoryJournal()]),
    "executor": (ExecutorContract, lambda path: [lambda function: inline(function, path)]),
    "store": (CheckpointStoreContract, lambda path: [LocalStore(path / "run"), path]),
    "scheduler": (
        SchedulerContract,
        lambda _: [
            PBT(
                mutations={"lr": uniform(0.0, 1.0)},
                perturbation_interval=2.0,
                attr="training_iteration",
            )
        ],
    ),
}


def simulator(seed_count, *changes):
    """Seeds one after the other, until one of them breaks a promise."""
    found = (run_seed(seed, changes).violation for seed in range(seed_count))
    return next(filter(None, found), None)


def laws():
    """The random runs of the core's own laws."""
    path = Path(__file__).parents[1] / "core" / "conftest.py"
    spec = importlib.util.spec_from_file_location("core_conftest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        for seed in range(20):
            run = module.RandomRun(seed)
            for _ in range(60):
                run.anything()
    except (AssertionError, ValueError) as error:
        return f"a law of the core: {error}"
    return None


@pytest.fixture
def search(tmp_path):
    """Looks for a bug: ``search(seed_count, tool, *args)``."""

    def run(seed_count, tool, *args):
        if tool == "simulator":
            return simulator(seed_count, *args)
        if tool == "laws":
            return laws()
        kind, make = PARTS[tool]
        (name,) = args
        try:
            getattr(kind(), name)(*make(tmp_path))
        except Exception as error:  # noqa: BLE001
            return f"{kind.__name__}.{name}: {error!r}"
        return None

    return run
