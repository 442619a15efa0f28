"""What every executor promises, run for each of them. A new one subclasses the contract."""

import os

import pytest

from pbtune import tune
from pbtune.core.lease import Rule
from pbtune.core.plan import Running
from pbtune.executors.inline import InlineExecutor
from pbtune.worker.protocol import Asked, Errored, Finished

AT_ONE = Rule("training_iteration", 1)
AT_TWO = Rule("training_iteration", 2)
AT_FOUR = Rule("training_iteration", 4)


def steps(harness):
    return [it.step for it in harness.heard if hasattr(it, "step")]


class ExecutorContract:
    """Subclasses give ``make(function) -> executor`` with one slot as a fixture."""

    def test_at_first_every_slot_is_idle(self, make):
        executor = make(lambda config: None)
        assert executor.slot_count == 1
        assert list(executor.running()) == [Running(0)]

    def test_a_started_function_gets_its_config(self, make, drive, start):
        harness = drive(make(lambda config: tune.report({"lr": config["lr"]})))
        harness.executor.do(start(config={"lr": 0.5}))
        harness.until(Finished)
        assert harness.metrics() == [{"lr": 0.5}]

    def test_a_started_slot_is_running(self, make, drive, start):
        executor = make(lambda config: None)
        harness = drive(executor)
        executor.do(start(attempt=3))
        assert list(executor.running()) == [Running(0, "t0", 3)]
        harness.until(Finished)
        assert list(executor.running()) == [Running(0)]

    def test_messages_come_in_the_order_in_which_they_were_sent(self, make, drive, start, go_on):
        def train(config):
            for _ in range(6):
                tune.report({"x": 1})

        harness = drive(make(train), go_on(AT_FOUR), go_on())
        harness.executor.do(start(1, AT_TWO))
        harness.until(Finished)
        kinds = ["Streamed", "Asked", "Streamed", "Asked", "Streamed", "Streamed", "Finished"]
        assert harness.kinds() == kinds
        assert steps(harness) == [1, 2, 3, 4, 5, 6]

    def test_a_held_slot_says_so_until_it_is_let_go_on(self, make, drive, start, go_on):
        harness = drive(make(lambda config: tune.report({"x": 1})), go_on())
        harness.executor.do(start(1, AT_ONE))
        harness.until(Finished)
        assert harness.views == [Running(0, "t0", 1, is_held=True), Running(0, "t0", 1)]

    def test_a_restart_leaves_the_function_and_calls_it_in_the_same_process(
        self, make, drive, start
    ):
        def train(config):
            for _ in range(3):
                tune.report({"lr": config["lr"], "pid": os.getpid()})

        again = start(2, trial="t1", config={"lr": 2}, step=7)
        harness = drive(make(train), again)
        harness.executor.do(start(1, AT_ONE, config={"lr": 1}))
        harness.until(Finished)
        assert [it["lr"] for it in harness.metrics()] == [1, 2, 2, 2]
        assert len({it["pid"] for it in harness.metrics()}) == 1
        assert steps(harness) == [1, 8, 9, 10]
        assert harness.kinds().count("Finished") == 1
        assert (harness.heard[-1].trial, harness.heard[-1].attempt) == ("t1", 2)

    def test_a_stopped_function_is_left_and_says_nothing_more(
        self, make, drive, start, stop, tmp_path
    ):
        left = tmp_path / "left"

        def train(config):
            try:
                tune.report({"x": 1})
                tune.report({"x": 2})
            finally:
                left.touch()

        harness = drive(make(train), stop)
        harness.executor.do(start(1, AT_ONE))
        harness.until(Asked)
        assert list(harness.executor.running()) == [Running(0)]
        harness.heard += harness.executor.close(10.0)
        assert left.exists()
        assert harness.kinds() == ["Asked"]

    def test_a_slot_that_was_stopped_runs_the_next_attempt(self, make, drive, start, stop):
        harness = drive(make(lambda config: tune.report({"x": config["x"]})), stop)
        harness.executor.do(start(1, AT_ONE, config={"x": 1}))
        harness.until(Asked)
        harness.executor.do(start(2, trial="t1", config={"x": 2}))
        harness.until(Finished)
        assert harness.metrics() == [{"x": 1}, {"x": 2}]

    def test_a_slot_whose_function_returned_runs_the_next_attempt(self, make, drive, start):
        harness = drive(make(lambda config: tune.report({"x": config["x"]})))
        for attempt in (1, 2, 3):
            harness.executor.do(start(attempt, config={"x": attempt}))
            harness.until(Finished)
        assert harness.metrics() == [{"x": 1}, {"x": 2}, {"x": 3}]

    def test_an_exception_comes_with_its_traceback_and_frees_the_slot(self, make, drive, start):
        def train(config):
            tune.report({"x": 1})
            if config["bad"]:
                message = "no luck"
                raise LookupError(message)

        harness = drive(make(train))
        harness.executor.do(start(1, config={"bad": True}))
        error = harness.until(Errored)
        assert (error.error, error.message, error.attempt) == ("LookupError", "no luck", 1)
        assert "in train" in error.traceback
        assert list(harness.executor.running()) == [Running(0)]
        harness.executor.do(start(2, config={"bad": False}))
        harness.until(Finished)
        assert harness.kinds() == ["Streamed", "Errored", "Streamed", "Finished"]

    def test_steps_and_time_go_on_from_the_checkpoint(self, make, drive, start):
        harness = drive(make(lambda config: tune.report({"x": 1})))
        harness.executor.do(start(1, step=20, time_total_s=500.0))
        harness.until(Finished)
        assert harness.heard[0].step == 21
        assert harness.heard[0].time_total_s >= 500.0

    def test_the_same_seed_draws_the_same_numbers_in_every_attempt(self, make, drive, start):
        def train(config):
            import random

            tune.report({"x": random.random()})

        harness = drive(make(train))
        for attempt, seed in ((1, 5), (2, 5), (3, 6)):
            harness.executor.do(start(attempt, seed=seed))
            harness.until(Finished)
        drawn = [it["x"] for it in harness.metrics()]
        assert drawn[0] == drawn[1] != drawn[2]

    def test_closing_twice_is_closing_once(self, make, drive):
        executor = make(lambda config: None)
        drive(executor)
        assert executor.close(0.0) == []
        assert executor.close(0.0) == []


class TestInlineExecutor(ExecutorContract):
    @pytest.fixture
    def make(self, settings):
        return lambda function: InlineExecutor(settings, function, {})


class TestProcessExecutor(ExecutorContract):
    @pytest.fixture
    def make(self, processes):
        return processes
