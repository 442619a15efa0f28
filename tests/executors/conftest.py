import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pbtune.core.plan import Continue, Start, Stop
from pbtune.executors.processes.executor import Conduct, ProcessExecutor
from pbtune.executors.processes.launcher import AbstractLauncher
from pbtune.executors.processes.starting import VARIABLE, launch
from pbtune.testing.contracts import executors as contract
from pbtune.tune.pickling import pickled
from pbtune.worker.process import Job
from pbtune.worker.protocol import WorkerSettings

DEADLINE_S = 20.0


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    return WorkerSettings(str(run_dir), "run", ("x",))


@pytest.fixture
def start() -> Callable[..., Start]:
    return contract.start


@pytest.fixture
def go_on() -> Callable[..., Continue]:
    return contract.go_on


@pytest.fixture
def stop() -> Stop:
    return contract.STOP


@pytest.fixture
def processes(settings: WorkerSettings) -> Iterator[Callable[..., ProcessExecutor]]:
    """Makes process executors of a function, and ends their processes with the test."""
    made: list[ProcessExecutor] = []

    def make(
        function: Callable[..., object], *, modules: tuple[str, ...] = (), **options: Any
    ) -> ProcessExecutor:
        # By value, as a script's function: workers can't import this test.
        function.__module__ = "__main__"
        payload = pickled(Job(settings, function, {}))

        def launching() -> AbstractLauncher:
            launcher = launch(modules, threads=1)
            launcher.load(payload)
            return launcher

        made.append(ProcessExecutor(options.pop("slots", 1), launching, Conduct(**options)))
        return made[-1]

    yield make
    for executor in made:
        executor.close(0.0)


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has workers started one by one, as on systems where none are forked."""
    monkeypatch.setenv(VARIABLE, "spawn")


@pytest.fixture
def drive() -> Callable[..., contract.Harness]:
    return contract.Harness


@pytest.fixture
def ends() -> Callable[[int], bool]:
    """Says whether a process that is no child of ours comes to its end."""

    def call(pid: int) -> bool:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        with os.fdopen(fd) as gone:
            return bool(select.select([gone], [], [], DEADLINE_S)[0])

    return call
