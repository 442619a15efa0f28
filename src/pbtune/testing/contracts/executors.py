"""What every executor promises."""

# ruff: noqa: S101, D102, PLR2004, ARG001, ARG005, S311  tests: each name is a sentence

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

from pbtune.core.exact import decode_metrics
from pbtune.core.lease import Lease, Rule
from pbtune.core.plan import Command, Continue, Running, Start, Stop
from pbtune.executors.base import AbstractExecutor
from pbtune.worker.api import report
from pbtune.worker.protocol import Asked, Errored, Finished, Message

Config = dict[str, Any]
Make = Callable[[Callable[[Config], object]], AbstractExecutor]
AT_ONE: Final = Rule("training_iteration", 1)
AT_TWO: Final = Rule("training_iteration", 2)
AT_FOUR: Final = Rule("training_iteration", 4)
STOP: Final = Stop(0, "t0", 1)


@final
class Harness:
    """A driver without a journal: answers each report that blocks with the next command.

    Attributes:
        heard: All messages so far.
        views: What the slots said before and after each answer.
    """

    def __init__(self, executor: AbstractExecutor, *answers: Command) -> None:
        self.executor = executor
        self.answers = list(answers)
        self.heard: list[Message] = []
        self.views: list[Running] = []
        executor.open(self.turn)

    def turn(self, messages: list[Message]) -> None:
        """React as a driver does."""
        self.heard += messages
        for message in messages:
            if isinstance(message, Asked):
                self.views += self.executor.running()
                self.executor.do(self.answers.pop(0))
                self.views += self.executor.running()

    def until(self, *kinds: type[Message]) -> Any:  # noqa: ANN401  a message of one of the kinds
        """Go on until a message of one of these kinds has come; the newest of them."""
        seen = len(self.heard)
        while not any(isinstance(message, kinds) for message in self.heard[seen:]):
            self.turn(self.executor.wait(1.0))
        return next(it for it in reversed(self.heard) if isinstance(it, kinds))

    def metrics(self) -> list[dict[str, Any]]:
        """What was reported."""
        bodies = [getattr(it, "metrics", None) for it in self.heard]
        return [decode_metrics(body) for body in bodies if body is not None]

    def kinds(self) -> list[str]:
        """The names of all messages' kinds."""
        return [type(message).__name__ for message in self.heard]

    def steps(self) -> list[int]:
        """The steps of all reports."""
        found = [getattr(it, "step", None) for it in self.heard]
        return [step for step in found if step is not None]


def start(attempt: int = 1, *rules: Rule, **changes: Any) -> Start:  # noqa: ANN401  its fields
    """A start: ``start(attempt, *rules, config={}, slot=0, ...)``."""
    plain: dict[str, Any] = {"slot": 0, "trial": "t0", "segment": 0, "config": {}, "seed": 1}
    return Start(attempt=attempt, lease=Lease(rules), **{**plain, **changes})


def go_on(*rules: Rule, attempt: int = 1) -> Continue:
    """A verdict that lets t0 go on."""
    return Continue(0, "t0", attempt, Lease(rules))


class ExecutorContract:
    """Subclass it with a fixture ``make``: of a training function an executor with one slot.

    The functions are defined inside of tests, so they have to travel to other processes by value.
    """

    def test_at_first_every_slot_is_idle(self, make: Make) -> None:
        executor = make(lambda config: None)
        assert executor.slot_count == 1
        assert list(executor.running()) == [Running(0)]

    def test_a_started_function_gets_its_config(self, make: Make) -> None:
        harness = Harness(make(lambda config: report({"lr": config["lr"]})))
        harness.executor.do(start(config={"lr": 0.5}))
        harness.until(Finished)
        assert harness.metrics() == [{"lr": 0.5}]

    def test_a_started_slot_is_running(self, make: Make) -> None:
        executor = make(lambda config: None)
        harness = Harness(executor)
        executor.do(start(attempt=3))
        assert list(executor.running()) == [Running(0, "t0", 3)]
        harness.until(Finished)
        assert list(executor.running()) == [Running(0)]

    def test_messages_come_in_the_order_in_which_they_were_sent(self, make: Make) -> None:
        def train(config: Config) -> None:
            for _ in range(6):
                report({"x": 1})

        harness = Harness(make(train), go_on(AT_FOUR), go_on())
        harness.executor.do(start(1, AT_TWO))
        harness.until(Finished)
        kinds = ["Streamed", "Asked", "Streamed", "Asked", "Streamed", "Streamed", "Finished"]
        assert harness.kinds() == kinds
        assert harness.steps() == [1, 2, 3, 4, 5, 6]

    def test_a_held_slot_says_so_until_it_is_let_go_on(self, make: Make) -> None:
        harness = Harness(make(lambda config: report({"x": 1})), go_on())
        harness.executor.do(start(1, AT_ONE))
        harness.until(Finished)
        assert harness.views == [Running(0, "t0", 1, is_held=True), Running(0, "t0", 1)]

    def test_a_restart_leaves_the_function_and_calls_it_in_the_same_process(
        self, make: Make
    ) -> None:
        def train(config: Config) -> None:
            for _ in range(3):
                report({"lr": config["lr"], "pid": os.getpid()})

        again = start(2, trial="t1", config={"lr": 2}, step=7)
        harness = Harness(make(train), again)
        harness.executor.do(start(1, AT_ONE, config={"lr": 1}))
        harness.until(Finished)
        assert [it["lr"] for it in harness.metrics()] == [1, 2, 2, 2]
        assert len({it["pid"] for it in harness.metrics()}) == 1
        assert harness.steps() == [1, 8, 9, 10]
        assert harness.kinds().count("Finished") == 1
        assert (harness.heard[-1].trial, harness.heard[-1].attempt) == ("t1", 2)

    def test_a_stopped_function_is_left_and_says_nothing_more(
        self, make: Make, tmp_path: Path
    ) -> None:
        left = tmp_path / "left"

        def train(config: Config) -> None:
            try:
                report({"x": 1})
                report({"x": 2})
            finally:
                left.touch()

        harness = Harness(make(train), STOP)
        harness.executor.do(start(1, AT_ONE))
        harness.until(Asked)
        assert list(harness.executor.running()) == [Running(0)]
        harness.heard += harness.executor.close(10.0)
        assert left.exists()
        assert harness.kinds() == ["Asked"]

    def test_a_slot_that_was_stopped_runs_the_next_attempt(self, make: Make) -> None:
        harness = Harness(make(lambda config: report({"x": config["x"]})), STOP)
        harness.executor.do(start(1, AT_ONE, config={"x": 1}))
        harness.until(Asked)
        harness.executor.do(start(2, trial="t1", config={"x": 2}))
        harness.until(Finished)
        assert harness.metrics() == [{"x": 1}, {"x": 2}]

    def test_a_slot_whose_function_returned_runs_the_next_attempt(self, make: Make) -> None:
        harness = Harness(make(lambda config: report({"x": config["x"]})))
        for attempt in (1, 2, 3):
            harness.executor.do(start(attempt, config={"x": attempt}))
            harness.until(Finished)
        assert harness.metrics() == [{"x": 1}, {"x": 2}, {"x": 3}]

    def test_an_exception_comes_with_its_traceback_and_frees_the_slot(self, make: Make) -> None:
        def train(config: Config) -> None:
            report({"x": 1})
            if config["bad"]:
                message = "no luck"
                raise LookupError(message)

        harness = Harness(make(train))
        harness.executor.do(start(1, config={"bad": True}))
        error = harness.until(Errored)
        assert (error.error, error.message, error.attempt) == ("LookupError", "no luck", 1)
        assert "in train" in error.traceback
        assert list(harness.executor.running()) == [Running(0)]
        harness.executor.do(start(2, config={"bad": False}))
        harness.until(Finished)
        assert harness.kinds() == ["Streamed", "Errored", "Streamed", "Finished"]

    def test_steps_and_time_go_on_from_the_checkpoint(self, make: Make) -> None:
        harness = Harness(make(lambda config: report({"x": 1})))
        harness.executor.do(start(1, step=20, time_total_s=500.0))
        harness.until(Finished)
        first: Any = harness.heard[0]
        assert first.step == 21
        assert first.time_total_s >= 500.0

    def test_the_same_seed_draws_the_same_numbers_in_every_attempt(self, make: Make) -> None:
        def train(config: Config) -> None:
            report({"x": random.random()})

        harness = Harness(make(train))
        for attempt, seed in ((1, 5), (2, 5), (3, 6)):
            harness.executor.do(start(attempt, seed=seed))
            harness.until(Finished)
        drawn = [it["x"] for it in harness.metrics()]
        assert drawn[0] == drawn[1] != drawn[2]

    def test_closing_twice_is_closing_once(self, make: Make) -> None:
        executor = make(lambda config: None)
        Harness(executor)
        assert executor.close(0.0) == []
        assert executor.close(0.0) == []
