import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pbtune.core.exact import decode_metrics
from pbtune.core.lease import Lease, Rule
from pbtune.core.plan import Continue, Running, Start, Stop
from pbtune.executors.base import AbstractExecutor
from pbtune.executors.processes.executor import ProcessExecutor
from pbtune.executors.processes.launcher import Launcher
from pbtune.tune.pickling import pickled
from pbtune.worker.process import Job
from pbtune.worker.protocol import Asked, Message, WorkerSettings

DEADLINE_S = 20.0


class Harness:
    """A driver without a journal: answers each report that blocks with the next command."""

    def __init__(self, executor: AbstractExecutor, answers: list[Any]) -> None:
        self.executor = executor
        self.answers = answers
        self.heard: list[Message] = []
        self.views: list[Running] = []
        executor.open(self.turn)

    def turn(self, messages: list[Message]) -> None:
        self.heard += messages
        for message in messages:
            if isinstance(message, Asked):
                self.views += self.executor.running()
                self.executor.do(self.answers.pop(0))
                self.views += self.executor.running()

    def until(self, *kinds: type) -> Message:
        """Go on until a message of one of these kinds has come; the newest of them."""
        seen = len(self.heard)
        while not any(isinstance(message, kinds) for message in self.heard[seen:]):
            self.turn(self.executor.wait(1.0))
        return next(it for it in reversed(self.heard) if isinstance(it, kinds))

    def metrics(self) -> list[dict[str, Any]]:
        return [decode_metrics(it.metrics) for it in self.heard if hasattr(it, "metrics")]

    def kinds(self) -> list[str]:
        return [type(message).__name__ for message in self.heard]


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    return WorkerSettings(str(run_dir), "run", ("x",))


@pytest.fixture
def start() -> Callable[..., Start]:
    """A start: ``start(attempt, *rules, config={}, slot=0, ...)``."""

    def make(attempt: int = 1, *rules: Rule, **changes: Any) -> Start:
        plain = {"slot": 0, "trial": "t0", "segment": 0, "config": {}, "seed": 1}
        return Start(attempt=attempt, lease=Lease(rules), **{**plain, **changes})

    return make


@pytest.fixture
def go_on() -> Callable[..., Continue]:
    return lambda *rules, attempt=1: Continue(0, "t0", attempt, Lease(rules))


@pytest.fixture
def stop() -> Stop:
    return Stop(0, "t0", 1)


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

        def launch() -> Launcher:
            launcher = Launcher(modules, threads=1)
            launcher.load(payload)
            return launcher

        made.append(ProcessExecutor(options.pop("slots", 1), launch, **options))
        return made[-1]

    yield make
    for executor in made:
        executor.close(0.0)


@pytest.fixture
def drive() -> Callable[..., Harness]:
    return lambda executor, *answers: Harness(executor, list(answers))


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
