import os
import random

import numpy as np
import pytest

from pbtune import tune
from pbtune.core.lease import Lease, Rule
from pbtune.errors import EngineBug
from pbtune.executors.inline import InlineChannel, InlineExecutor
from pbtune.worker.protocol import Asked, Begun, Finished, Unfit

AT_ONE = Rule("training_iteration", 1)


def test_the_function_runs_in_the_caller_s_own_process(settings, drive, start):
    pids = []
    harness = drive(InlineExecutor(settings, lambda config: pids.append(os.getpid()), {}))
    harness.executor.do(start())
    harness.until(Finished)
    assert pids == [os.getpid()]


def test_a_function_is_called_by_waiting_and_not_by_starting(settings, drive, start):
    called = []
    harness = drive(InlineExecutor(settings, called.append, {}))
    harness.executor.do(start())
    assert called == []
    harness.until(Finished)
    assert called == [{}]


def test_waiting_without_an_order_brings_nothing(settings, drive):
    executor = InlineExecutor(settings, lambda config: None, {})
    drive(executor)
    assert executor.wait(10.0) == []


def test_the_caller_s_global_generators_are_put_back_at_the_end(settings, drive, start):
    def train(config):
        random.random()
        np.random.rand()  # noqa: NPY002

    before = (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002
    harness = drive(InlineExecutor(settings, train, {}))
    harness.executor.do(start())
    harness.until(Finished)
    harness.executor.close(0.0)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_an_interrupt_by_keyboard_comes_out_where_the_user_waits(settings, drive, start):
    def train(config):
        raise KeyboardInterrupt

    executor = InlineExecutor(settings, train, {})
    drive(executor)
    executor.do(start())
    with pytest.raises(KeyboardInterrupt):
        executor.wait(1.0)


def test_a_report_that_gets_no_verdict_is_our_bug(settings, start):
    executor = InlineExecutor(settings, lambda config: tune.report({"x": 1}), {})
    executor.open(lambda messages: None)
    executor.do(start(1, AT_ONE))
    (error,) = executor.wait(1.0)
    assert error.error == "EngineBug"
    assert "t0 got no verdict for its report at step 1" in error.message


def test_a_channel_that_is_not_open_is_our_bug():
    with pytest.raises(EngineBug, match="not open"):
        InlineChannel().ask(Asked("t0", 1, 1, 0.0, 0.0, b"{}", {}))


def test_what_only_processes_need_to_know_is_not_kept():
    channel = InlineChannel()
    channel.stream(Begun(1))
    channel.tell(Unfit(1, "threads"))
    assert channel.pending == []
    assert channel.poll() is None


def test_a_function_may_be_reported_on_under_a_lease_for_everything(settings, drive, start, go_on):
    def train(config):
        tune.report({"x": 1})
        tune.report({"x": 2})

    harness = drive(InlineExecutor(settings, train, {}), go_on(AT_ONE), go_on())
    begin = start()
    harness.executor.do(type(begin)(0, "t0", 1, 0, {}, Lease(every=True), 1))
    harness.until(Finished)
    assert harness.kinds() == ["Asked", "Asked", "Finished"]
