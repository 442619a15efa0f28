"""A full disk is waited for, and no trial's fault."""

import errno
import os
from collections import namedtuple

import pytest

from pbtune import tune
from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.worker import space as module
from pbtune.worker.attempt import Runner
from pbtune.worker.protocol import AwaitsSpace, End, Errored, Finished
from pbtune.worker.space import SPARED_COUNT_MAX, Space, says_full

Usage = namedtuple("Usage", "free")  # noqa: PYI024  what shutil gives has more fields


def full(filename=None, number=errno.ENOSPC):
    return OSError(number, os.strerror(number), filename)


@pytest.fixture(autouse=True)
def no_time(monkeypatch):
    """Sleeping takes no time; ``clock[0]`` is the time."""
    clock = [0.0]

    def sleep(seconds):
        clock[0] += seconds

    monkeypatch.setattr(module.time, "sleep", sleep)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def free(monkeypatch):
    """Free bytes at each look; the last one stays."""

    def plan(*steps):
        left = list(steps)
        monkeypatch.setattr(
            module.shutil,
            "disk_usage",
            lambda _: Usage(left.pop(0) if len(left) > 1 else left[0]),
        )

    return plan


@pytest.fixture
def space(tmp_path, channel, store):
    del store
    return Space(tmp_path / "run", channel)


def wrapped(error):
    try:
        try:
            raise error
        except OSError as cause:
            raise RuntimeError("the file writer failed") from cause
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_known_behind_other_errors(number):
    assert says_full(wrapped(full(number=number))).errno == number
    assert says_full(full(number=errno.EIO)) is None
    assert says_full(wrapped(full(number=errno.EACCES))) is None
    assert says_full(None) is None


def test_an_error_that_is_its_own_context_ends_the_search():
    first, second = ValueError(), ValueError()
    first.__context__, second.__context__ = second, first
    assert says_full(first) is None


def test_what_is_written_is_tried_again_until_it_fits(space, channel, make_begin, capsys):
    answers = iter([full(), full(number=errno.EDQUOT), None])

    def write():
        error = next(answers)
        if error is not None:
            raise error
        return "written"

    begin = make_begin()
    assert space.retried(begin, write, pytest.fail) == "written"
    assert channel.streamed == [AwaitsSpace(begin.trial, begin.attempt)] * 2
    assert capsys.readouterr().err.count("waits for space") == 1


def test_another_error_is_raised_at_once(space, make_begin):
    def write():
        raise full(number=errno.EIO)

    with pytest.raises(OSError, match="Input/output error"):
        space.retried(make_begin(), write, pytest.fail)


def test_an_order_ends_the_waiting(space, channel, make_begin):
    channel.unasked = [None, End(1)]

    def write():
        raise full()

    def superseded(order):
        raise KeyError(order.attempt)

    with pytest.raises(KeyError):
        space.retried(make_begin(), write, superseded)


def test_the_message_may_find_the_log_s_disk_full_too(space, make_begin, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise full()

    monkeypatch.setattr("builtins.print", refuse)
    answers = iter([full(), None])
    assert space.retried(make_begin(), lambda: _raised(next(answers)), pytest.fail) is None


def _raised(error):
    if error is not None:
        raise error


def test_a_file_of_the_run_s_that_does_not_fit_is_nobody_s_fault(space, make_begin, tmp_path):
    for _ in range(5):
        assert space.is_to_blame(make_begin(), full(str(tmp_path / "run" / "t0" / "weights")))


def test_a_disk_that_is_not_ours_is_forgiven_a_few_times(space, make_begin):
    begin = make_begin()
    for _ in range(SPARED_COUNT_MAX):
        assert space.is_to_blame(begin, wrapped(full("/dev/shm/x")))
    assert not space.is_to_blame(begin, wrapped(full("/dev/shm/x")))
    assert not space.is_to_blame(begin, ValueError())
    assert space.is_to_blame(begin, full("/dev/shm/x"))


def test_while_the_run_s_own_disk_is_full_nobody_is_to_blame(space, make_begin, monkeypatch):
    monkeypatch.setattr(Space, "_has_some", lambda self: False)
    for _ in range(5):
        assert space.is_to_blame(make_begin(), full())


def test_a_probe_leaves_nothing_behind(space, tmp_path):
    assert space._has_some()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(("number", "has_some"), [(errno.ENOSPC, False), (errno.EIO, True)])
def test_a_probe_asks_for_space_alone(space, monkeypatch, number, has_some):
    def refuse(_self, _mode):
        raise full(number=number)

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert space._has_some() == has_some


def test_what_filled_the_disk_itself_waits_for_more_than_is_left_without_it(
    space, make_begin, free, no_time
):
    free(1000, 1000, 1000, 1000 + module.GROWTH_BYTES)
    space.has_filled_up = True
    assert space.awaited(make_begin()) is None
    assert no_time[0] == 3 * module.RETRY_S


def test_it_tries_again_after_a_while_anyway(space, make_begin, free, no_time):
    free(1000)
    space.has_filled_up = True
    assert space.awaited(make_begin()) is None
    assert module.AT_LATEST_S < no_time[0] <= module.AT_LATEST_S + 2 * module.RETRY_S


def test_what_only_found_it_full_goes_on_as_soon_as_a_little_fits(
    space, make_begin, free, no_time, monkeypatch
):
    free(0)
    answers = iter([False, False, True])
    monkeypatch.setattr(Space, "_has_some", lambda self: next(answers))
    assert space.awaited(make_begin()) is None
    assert no_time[0] == 3 * module.RETRY_S


def test_an_order_is_carried_out_instead_of_waiting(space, channel, make_begin, free):
    free(0)
    space.has_filled_up = True
    channel.unasked = [None, End(7)]
    assert space.awaited(make_begin()) == End(7)


@pytest.fixture
def runner(make_settings, channel, store):
    def make(function):
        return Runner(make_settings(), function, {}, channel, store)

    return make


def test_an_attempt_that_ran_out_of_space_is_no_failure_of_its_trial(
    runner, channel, make_begin, free
):
    free(1000, 1000 + module.GROWTH_BYTES)

    def train(_config):
        with tune.new_checkpoint():
            raise full()

    assert runner(train).run(make_begin()) is None
    (told,) = channel.told
    assert isinstance(told, Errored)
    assert told.lost
    assert told.error == "OSError"
    assert channel.streamed == [AwaitsSpace("t0", 1)]


def test_an_attempt_that_fails_otherwise_is(runner, channel, make_begin):
    def train(_config):
        raise full(number=errno.EIO)

    assert runner(train).run(make_begin()) is None
    assert not channel.told[0].lost
    assert channel.streamed == []


def test_a_commit_that_finds_the_disk_full_is_made_again(
    runner, channel, make_begin, store, monkeypatch
):
    commit = store.commit_staged
    answers = iter([full(), full(), None])

    def once_full(*args):
        _raised(next(answers))
        return commit(*args)

    monkeypatch.setattr(type(store), "commit_staged", lambda _self, *args: once_full(*args))

    def train(_config):
        with tune.new_checkpoint() as folder:
            tune.report({"loss": 1.0}, checkpoint=Checkpoint(folder))

    assert runner(train).run(make_begin()) is None
    assert isinstance(channel.told[0], Finished)
    saved = [it.checkpoint for it in [*channel.asked, *channel.streamed] if hasattr(it, "metrics")]
    assert [it.id for it in saved] == ["t0/checkpoint_000000"]
