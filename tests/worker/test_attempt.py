import os
import pickle
import random
import sys

import pytest

from pbtune import tune
from pbtune.core.lease import Rule
from pbtune.core.values import Ref
from pbtune.errors import MetricMissing
from pbtune.worker import api
from pbtune.worker.attempt import Runner, error_message, seed_globals
from pbtune.worker.config import WatchedConfig
from pbtune.worker.protocol import End, Errored, Finished


@pytest.fixture
def run(channel, store, make_settings, make_begin):
    """Runs a function for one attempt: ``run(function, *rules, config={}, **begin)``."""

    def call(function, *rules, config=None, settings=None, objects=None, **changes):
        runner = Runner(make_settings(**(settings or {})), function, objects or {}, channel, store)
        parent = os.getpid()
        try:
            return runner.run(make_begin(config, *rules, **changes))
        finally:
            # A forked child that came this far would run the rest of the tests.
            if os.getpid() != parent:
                os._exit(99)

    return call


def test_a_function_that_returns_is_finished(run, channel):
    assert run(lambda config: None) is None
    assert channel.told == [Finished("t0", 1)]


def test_a_function_gets_its_config(run, channel):
    run(lambda config: tune.report({"lr": config["lr"]}), config={"lr": 0.5})
    assert channel.streamed[0].metrics == b'{"lr":0.5}'


def test_objects_that_cannot_be_stored_are_put_back_into_the_config(run):
    seen = []
    run(seen.append, config={"nets": [Ref("nets/0")]}, objects={"nets/0": str})
    assert seen == [{"nets": [str]}]


def test_only_a_copy_gets_a_config_that_watches(run):
    seen = []
    settings = {"mutated": ("lr", "net/width")}
    config = {"lr": 1, "net": {"width": 2}, "n": 3}
    run(lambda config: seen.append(type(config)), config=config, settings=settings)
    run(seen.append, config=config, settings=settings, is_copy=True)
    assert seen[0] is dict
    assert isinstance(seen[1], WatchedConfig)
    assert seen[1].unread == {"lr", "net"}


def test_a_returned_dict_is_reported(run, channel):
    run(lambda config: {"loss": 2})
    assert channel.streamed[0].metrics == b'{"loss":2}'


def test_a_returned_number_is_reported_as_the_metric(run, channel):
    run(lambda config: 3)
    assert channel.streamed[0].metrics == b'{"_metric":3}'


def test_what_a_generator_yields_is_reported(run, channel):
    def train(config):
        yield {"loss": 2}
        yield 1

    run(train)
    assert [message.metrics for message in channel.streamed] == [b'{"loss":2}', b'{"_metric":1}']
    assert channel.told == [Finished("t0", 1)]


def test_another_returned_value_is_named(run, channel):
    run(lambda config: "model")
    assert channel.told[0].error == "TypeError"
    assert "a dict or a number, not str" in channel.told[0].message


def test_an_interrupted_function_is_left_through_its_finally_blocks(run, channel):
    left = []

    def train(config):
        try:
            tune.report({"loss": 1})
        finally:
            left.append(True)

    channel.answers = [End(1)]
    assert run(train, Rule("training_iteration", 1)) == End(1)
    assert left == [True]
    assert channel.told == []


def test_an_interrupted_function_hands_on_the_order_that_interrupted_it(run, channel, make_begin):
    order = make_begin(attempt=2)
    channel.answers = [order]
    assert run(lambda config: tune.report({"loss": 1}), Rule("training_iteration", 1)) is order


def test_a_function_that_raises_something_else_when_interrupted_is_no_failure(run, channel):
    def train(config):
        try:
            tune.report({"loss": 1})
        finally:
            raise KeyError

    channel.answers = [End(1)]
    assert run(train, Rule("training_iteration", 1)) == End(1)
    assert channel.told == []


def test_an_exception_ends_the_attempt_with_its_whole_traceback(run, channel):
    def deep():
        message = "too deep"
        raise ValueError(message)

    def train(config):
        deep()

    assert run(train) is None
    (told,) = channel.told
    assert (told.error, told.message, told.fatal) == ("ValueError", "too deep", False)
    assert told.traceback.startswith("Traceback")
    assert "in train" in told.traceback
    assert "in deep" in told.traceback
    assert "worker/attempt.py" not in told.traceback


def test_the_cause_of_an_exception_is_told_too(run, channel):
    def train(config):
        try:
            {}["first"]
        except KeyError as error:
            message = "second"
            raise RuntimeError(message) from error

    run(train)
    assert "KeyError: 'first'" in channel.told[0].traceback
    assert "direct cause" in channel.told[0].traceback


def test_sys_exit_is_told_with_its_code(run, channel):
    run(lambda config: sys.exit(3))
    assert channel.told[0].error == "SystemExit"
    assert channel.told[0].message == "the training function called sys.exit(3)"


def test_an_interrupt_by_keyboard_is_not_the_attempt_s_affair(run, channel):
    def train(config):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(train)
    assert channel.told == []


def test_after_an_attempt_nothing_of_it_is_left(run, channel):
    def train(config):
        raise ValueError

    run(train)
    with pytest.warns(UserWarning, match="outside a trial"):
        tune.report({"loss": 1})


def test_a_missing_metric_is_fatal_since_every_trial_would_lack_it(run, channel):
    settings = {"needed": (("acc", "PBT ranks by"),)}
    run(lambda config: tune.report({"loss": 1}), settings=settings)
    assert channel.told[0].fatal
    assert "'acc'" in channel.told[0].message


@pytest.mark.parametrize("how", ["return", "raise", "exit", "report"])
def test_a_forked_child_that_comes_out_of_the_function_tells_nobody(run, channel, capfd, how):
    statuses = []

    def train(config):
        tune.report({"loss": 1})
        pid = os.fork()
        if pid == 0:
            if how == "raise":
                raise ValueError("in the child")
            if how == "exit":
                sys.exit(5)
            if how == "report":
                tune.report({"loss": 2})
            return
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    run(train)
    assert statuses == [{"return": 0, "raise": 1, "exit": 5, "report": 1}[how]]
    assert channel.told == [Finished("t0", 1)]
    assert len(channel.streamed) == 1
    told = capfd.readouterr().err
    assert ("in the child" in told, "NotInATrial" in told) == (how == "raise", how == "report")


def test_a_forked_child_leaves_its_parent_s_new_checkpoint_alone(run, channel):
    def train(config):
        with tune.new_checkpoint() as path:
            pid = os.fork()
            if pid == 0:
                return
            os.waitpid(pid, 0)
            tune.report({"loss": 1}, checkpoint=tune.Checkpoint.from_directory(path))

    run(train)
    assert channel.streamed[0].checkpoint is not None


def test_an_attempt_seeds_the_global_generators_from_its_address(run):
    drawn = []

    def train(config):
        import numpy as np

        drawn.append((random.random(), np.random.rand()))  # noqa: NPY002

    state = random.getstate()
    run(train, seed=5)
    run(train, seed=5)
    run(train, seed=6)
    random.setstate(state)
    assert drawn[0] == drawn[1] != drawn[2]


def test_numpy_need_not_be_imported_to_be_seeded(monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy.random")
    state = random.getstate()
    seed_globals(3)
    first = random.random()
    seed_globals(3)
    assert random.random() == first
    random.setstate(state)


def caught(raised: BaseException) -> BaseException:
    try:
        raise raised  # noqa: TRY301
    except BaseException as error:  # noqa: BLE001
        return error


def test_an_error_whose_text_raises_is_told_all_the_same(make_begin):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    told = error_message(make_begin(), caught(Mute()))
    assert told.error.endswith("Mute")
    assert "str() raised RuntimeError" in told.message
    assert "Mute" in told.traceback


def test_an_error_with_a_lone_surrogate_in_its_text_can_be_sent(make_begin):
    told = error_message(make_begin(), caught(ValueError("file \udcff")))
    assert told.message == "file \\udcff"
    assert told.traceback.encode().endswith(b"file \\udcff\n")


def test_an_error_message_names_its_attempt(make_begin):
    told = error_message(make_begin(trial="t3", attempt=9), caught(KeyError("a")))
    assert isinstance(told, Errored)
    assert (told.trial, told.attempt, told.error, told.message) == ("t3", 9, "KeyError", "'a'")


def test_a_missing_metric_in_an_error_message_is_fatal(make_begin):
    assert error_message(make_begin(), caught(MetricMissing("a", "PBT ranks by", []))).fatal


def test_a_config_is_unpickled_afresh_for_each_attempt(run):
    seen = []

    def train(config):
        config["list"].append(1)
        seen.append(config["list"])

    run(train, config={"list": []})
    run(train, config={"list": []})
    assert seen == [[1], [1]]
    assert pickle.loads(pickle.dumps(seen)) == seen


def test_calls_inside_the_function_reach_its_own_session(run):
    contexts = []
    run(lambda config: contexts.append(api.get_context().get_trial_id()), trial="t8")
    assert contexts == ["t8"]
