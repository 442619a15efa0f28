"""What training functions may do to themselves, and what that may not do to others."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pbtune import tune

AT_TWO = {"training_iteration": 2}
DEATHS = {
    "raise": (lambda: 1 / 0, "ZeroDivisionError"),
    "sys.exit": (lambda: sys.exit(3), r"sys\.exit\(3\)"),
    "sys.exit()": (sys.exit, r"sys\.exit\(None\)"),
    "os._exit": (lambda: os._exit(0), r"os\._exit\(0\)"),
    "os.abort": (os.abort, "SIGABRT"),
    "segfault": (lambda: ctypes.string_at(0), "SIGSEGV"),
    "SIGKILL": (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
}
each_death = pytest.mark.parametrize("death", list(DEATHS))


def values(result, key):
    return [row[key] for row in result.rows]


def two(first, second):
    """A search space whose first trial is told apart from its second."""
    return {"role": tune.grid_search([first, second])}


@each_death
def test_a_death_ends_only_its_own_trial_and_loses_no_report(fit, tmp_path, death):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    die, said = DEATHS[death]

    def train(config):
        if config["role"] == "dies":
            for at in range(20):
                tune.report({"at": at, "pid": os.getpid()})
            with gate.open("w"):
                die()
        tune.report({"at": 0, "pid": os.getpid()})
        # The other trial's end of the pipe closes when it has left or died.
        gate.read_bytes()
        tune.report({"at": 1, "pid": os.getpid()})

    dead, alive = fit(train, slots=2, param_space=two("dies", "lives"))
    assert values(dead, "at") == list(range(20))
    assert re.search(said, str(dead.error))
    assert alive.error is None
    assert values(alive, "at") == [0, 1]
    assert len(set(values(alive, "pid"))) == 1


@pytest.mark.slow
@each_death
def test_a_failed_trial_is_retried_from_its_last_checkpoint(fit, tmp_path, death):
    marks = tmp_path / "marks"
    marks.mkdir()
    die, _ = DEATHS[death]

    def train(config):
        begun = len(list(marks.iterdir()))
        (marks / str(begun)).touch()
        checkpoint = tune.get_checkpoint()
        at = 0
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                at = int(Path(folder, "at").read_text()) + 1
        for step in range(at, 6):
            with tune.new_checkpoint() as folder:
                Path(folder, "at").write_text(str(step))
                saves = tune.Checkpoint.from_directory(folder) if step % 2 else None
                tune.report({"at": step, "begun": begun}, checkpoint=saves)
            if begun < 2 and step == 2 * begun + 2:
                die()

    (result,) = fit(train, failures=2)
    assert result.error is None
    # Steps 2 and 4 came behind the newest checkpoint, so the retries did them again.
    assert list(zip(values(result, "at"), values(result, "begun"), strict=True)) == [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 1),
        (4, 2),
        (5, 2),
    ]


def test_without_a_checkpoint_a_retry_starts_from_nothing(fit, tmp_path):
    mark = tmp_path / "mark"

    def train(config):
        assert tune.get_checkpoint() is None
        for at in range(3):
            tune.report({"at": at})
            if not mark.exists():
                mark.touch()
                raise ValueError

    (result,) = fit(train, failures=1)
    assert result.error is None
    assert values(result, "at") == [0, 1, 2]


def test_retries_are_counted_for_each_trial_and_end(fit, tmp_path):
    def train(config):
        with (tmp_path / config["role"]).open("a") as log:
            log.write("x")
        if config["role"] == "bad":
            raise ValueError

    bad, good = fit(train, failures=2, param_space=two("bad", "good"))
    assert (tmp_path / "bad").read_text() == "xxx"
    assert (tmp_path / "good").read_text() == "x"
    assert bad.error is not None
    assert good.error is None


def test_a_negative_limit_retries_without_end(fit, tmp_path):
    log = tmp_path / "log"
    log.touch()

    def train(config):
        with log.open("a") as file:
            file.write("x")
        assert len(log.read_text()) > 6

    (result,) = fit(train, failures=-1)
    assert result.error is None
    assert len(log.read_text()) == 7


def test_the_error_of_a_trial_keeps_its_whole_traceback(fit):
    def deep(depth):
        if depth == 0:
            message = "at the bottom"
            raise LookupError(message)
        deep(depth - 1)

    def train(config):
        try:
            deep(2)
        except LookupError as error:
            message = "on the way out"
            raise RuntimeError(message) from error

    grid = fit(train)
    error = grid[0].error
    assert (error.trial, error.error, error.message) == ("t0", "RuntimeError", "on the way out")
    assert error.traceback_text.count("in deep") == 3
    assert "LookupError: at the bottom" in error.traceback_text
    assert "raise RuntimeError(message) from error" in error.traceback_text
    assert grid.errors == [error]
    assert (grid.num_errors, grid.num_terminated) == (1, 0)


def test_fail_fast_halts_the_run_at_the_first_failure(fit):
    def train(config):
        tune.report({"at": 0})
        raise ValueError

    run = {"failure_config": tune.FailureConfig(fail_fast=True)}
    first, second = fit(train, run=run, num_samples=2)
    assert first.error is not None
    assert second.metrics is None


def test_reports_that_were_streamed_right_before_a_death_are_stored(fit):
    def train(config):
        for at in range(3000):
            tune.report({"at": at})
        os.kill(os.getpid(), signal.SIGKILL)

    (result,) = fit(train)
    assert values(result, "at") == list(range(3000))


def test_a_checkpoint_that_was_streamed_right_before_a_death_is_kept(fit):
    def train(config):
        with tune.new_checkpoint() as folder:
            Path(folder, "weights").write_text("w")
            tune.report({"at": 0}, checkpoint=tune.Checkpoint.from_directory(folder))
        os._exit(1)

    (result,) = fit(train)
    assert Path(result.checkpoint.path, "weights").read_text() == "w"


def test_children_that_outlive_the_function_end_with_the_run_at_the_latest(fit, ends):
    def train(config):
        children = []
        for alone in (False, True):
            child = subprocess.Popen(
                [sys.executable, "-c", "print('up', flush=True); input()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=alone,
            )
            child.stdout.readline()
            children.append(child.pid)
        pid = os.fork()
        if pid == 0:
            signal.pause()
        tune.report({"children": [*children, pid], "pid": os.getpid()})

    results = fit(train, num_samples=2)
    assert not results.errors
    first, second = results
    assert first.metrics["pid"] != second.metrics["pid"]
    for result in results:
        assert all(ends(pid) for pid in result.metrics["children"])


def test_a_forked_child_that_reports_gets_the_error_and_its_trial_goes_on(fit):
    def train(config):
        tune.report({"at": 0})
        pid = os.fork()
        if pid == 0:
            tune.report({"at": 99})
        _, status = os.waitpid(pid, 0)
        tune.report({"at": 1, "child": os.waitstatus_to_exitcode(status)})

    results = fit(train, num_samples=2)
    assert not results.errors
    for result in results:
        assert values(result, "at") == [0, 1]
        assert result.metrics["child"] == 1
        assert "forked" in Path(result.path, "output.log").read_text()


def test_directory_environment_and_random_state_reach_no_other_trial(fit, tmp_path):
    away = tmp_path / "away"
    away.mkdir()

    def train(config):
        tune.report({"pid": os.getpid(), "cwd": str(Path.cwd()), "seen": os.environ.get("MINE")})
        os.environ["MINE"] = "changed"
        os.chdir(away)

    first, second = fit(train, num_samples=2)
    assert first.metrics["pid"] == second.metrics["pid"]
    assert (second.metrics["cwd"], second.metrics["seen"]) == (str(Path.cwd()), None)


def test_threads_that_outlive_the_function_reach_no_other_trial(fit):
    def train(config):
        import threading

        tune.report({"pid": os.getpid(), "threads": threading.active_count()})
        threading.Thread(target=threading.Event().wait).start()

    first, second = fit(train, num_samples=2)
    assert first.metrics["pid"] != second.metrics["pid"]
    assert first.metrics["threads"] == second.metrics["threads"] == 1


def test_a_timer_that_was_left_running_reaches_no_other_trial(fit):
    def train(config):
        tune.report({"left": signal.getitimer(signal.ITIMER_REAL)[0]})
        signal.setitimer(signal.ITIMER_REAL, 3600.0)

    assert [result.metrics["left"] for result in fit(train, num_samples=2)] == [0.0, 0.0]


def test_a_trial_that_swallows_its_stop_ends_all_the_same(fit):
    def train(config):
        if config["role"] == "good":
            tune.report({"pid": os.getpid()})
            return
        while True:
            with contextlib.suppress(SystemExit):
                tune.report({"pid": os.getpid()})

    swallows, good = fit(train, param_space=two("bad", "good"), run={"stop": AT_TWO})
    assert swallows.error is None
    assert len(swallows.rows) == 2
    assert good.error is None
    assert good.metrics["pid"] != swallows.metrics["pid"]


def test_a_closed_standard_output_reaches_no_other_trial(fit):
    def train(config):
        print("hello")  # noqa: T201
        tune.report({"at": 0})
        sys.stdout.close()

    results = fit(train, num_samples=3)
    assert not results.errors
    for result in results:
        assert Path(result.path, "output.log").read_text() == "hello\n"


def test_a_killed_template_costs_every_attempt_but_no_report(fit, tmp_path):
    mark, gate = tmp_path / "mark", tmp_path / "gate"
    os.mkfifo(gate)

    def train(config):
        first = not mark.exists()
        tune.report({"at": 0, "first": first})
        if first and config["role"] == "kills":
            gate.read_bytes()
            mark.touch()
            os.kill(os.getppid(), signal.SIGKILL)
        if first:
            with gate.open("w"):
                tune.report({"at": 1, "first": first})
            signal.pause()
        tune.report({"at": 1, "first": first})

    results = fit(train, slots=2, failures=1, param_space=two("kills", "waits"))
    assert not results.errors
    for result in results:
        assert values(result, "at") == [0, 1]
        assert values(result, "first") == [False, False]


def test_a_template_that_is_killed_without_retries_is_named(fit):
    def train(config):
        tune.report({"at": 0})
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()

    (result,) = fit(train)
    assert "the process that starts workers was killed" in str(result.error)
    assert values(result, "at") == [0]


def test_what_is_printed_reaches_the_trial_s_own_log(fit):
    def train(config):
        print("from python", config["role"])  # noqa: T201
        os.write(1, b"from below\n")
        subprocess.run(["echo", "from a child"], check=True)
        sys.stderr.write("from stderr\n")

    for role, result in zip(("a", "b"), fit(train, param_space=two("a", "b")), strict=True):
        said = Path(result.path, "output.log").read_text()
        assert said == f"from python {role}\nfrom below\nfrom a child\nfrom stderr\n"


def test_what_was_printed_before_a_death_is_in_the_log(fit):
    def train(config):
        print("last words")  # noqa: T201
        os.kill(os.getpid(), signal.SIGKILL)

    (result,) = fit(train)
    assert Path(result.path, "output.log").read_text() == "last words\n"


def test_a_segfault_leaves_its_traceback_in_the_log(fit):
    def train(config):
        ctypes.string_at(0)

    (result,) = fit(train)
    log = Path(result.path, "output.log").read_text()
    assert "Segmentation fault" in log
    assert "in train" in log


def test_without_reuse_every_start_is_a_process_of_its_own(fit):
    def train(config):
        tune.report({"pid": os.getpid()})

    fresh = [result.metrics["pid"] for result in fit(train, num_samples=3, reuse_actors=False)]
    assert len(set(fresh)) == 3


def test_with_reuse_one_process_runs_one_trial_after_the_other(fit):
    def train(config):
        tune.report({"pid": os.getpid()})

    assert len({result.metrics["pid"] for result in fit(train, num_samples=3)}) == 1
