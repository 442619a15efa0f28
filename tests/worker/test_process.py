import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pbtune.worker.process import Surroundings


@pytest.fixture
def outcome() -> Callable[..., str]:
    """What a function says in a forked process of its own, given its Surroundings."""

    def call(act: Callable[[Surroundings], object]) -> str:
        read_fd, write_fd = os.pipe()
        pid = os.fork()
        if pid == 0:
            # Pytest's own streams are no files of this process.
            sys.stdout, sys.stderr = (os.fdopen(fd, "w", closefd=False) for fd in (1, 2))
            try:
                os.write(write_fd, repr(act(Surroundings())).encode())
            except BaseException as error:  # noqa: BLE001
                os.write(write_fd, repr(error).encode())
            finally:
                os._exit(0)
        os.close(write_fd)
        with os.fdopen(read_fd) as pipe:
            said = pipe.read()
        os.waitpid(pid, 0)
        return said

    return call


def test_a_clean_attempt_leaves_its_process_fit_for_the_next(outcome):
    assert outcome(lambda around: around.restore()) == "None"


def test_the_working_directory_is_put_back(outcome, tmp_path):
    def act(around):
        os.chdir(tmp_path)
        around.restore()
        return str(Path.cwd())

    assert outcome(act) == repr(str(Path.cwd()))


def test_the_environment_is_put_back(outcome, monkeypatch):
    monkeypatch.setenv("PBTUNE_KEPT", "1")

    def act(around):
        os.environ["PBTUNE_ADDED"] = "2"
        del os.environ["PBTUNE_KEPT"]
        around.restore()
        return "PBTUNE_ADDED" in os.environ, os.environ["PBTUNE_KEPT"]

    assert outcome(act) == "(False, '1')"


def test_the_mask_for_new_files_is_put_back(outcome):
    def act(around):
        before = os.umask(0)
        around.restore()
        return os.umask(0) == before

    assert outcome(act) == "True"


def test_signal_handlers_are_put_back(outcome):
    def act(around):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        around.restore()
        return (
            signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
            signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        )

    assert outcome(act) == "(True, True)"


def test_a_timer_that_was_left_running_is_stopped(outcome):
    def act(around):
        signal.setitimer(signal.ITIMER_REAL, 1000)
        around.restore()
        return signal.getitimer(signal.ITIMER_REAL)

    assert outcome(act) == "(0.0, 0.0)"


def test_a_replaced_standard_output_is_put_back(outcome):
    def act(around):
        before = sys.stdout
        sys.stdout = None
        reason = around.restore()
        return sys.stdout is before, reason

    assert outcome(act) == "(True, None)"


def test_a_process_whose_standard_output_was_closed_is_unfit(outcome):
    def act(around):
        sys.stdout.close()
        return around.restore()

    assert "closed the standard output" in outcome(act)


def test_a_process_in_which_threads_outlive_the_function_is_unfit(outcome):
    def act(around):
        threading.Thread(target=threading.Event().wait, name="prefetch", daemon=True).start()
        return around.restore()

    assert "threads outlive the function: prefetch" in outcome(act)


def test_a_process_in_which_children_outlive_the_function_is_unfit(outcome):
    def act(around):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        reason = around.restore()
        child.kill()
        child.wait()
        return reason

    assert "child processes outlive" in outcome(act)


def test_what_is_printed_goes_to_the_trial_s_own_log(outcome, tmp_path):
    def act(around):
        for trial in ("t0", "t1", "t0"):
            around.redirect(tmp_path / trial)
            print(f"I am {trial}")  # noqa: T201
            os.write(2, b"from below\n")

    outcome(act)
    said = "I am t0\nfrom below\n"
    assert (tmp_path / "t0" / "output.log").read_text() == said * 2
    assert (tmp_path / "t1" / "output.log").read_text() == "I am t1\nfrom below\n"


def test_what_was_printed_is_in_the_log_before_a_process_is_killed(outcome, tmp_path):
    def act(around):
        around.redirect(tmp_path / "t0")
        print("last words")  # noqa: T201
        os.kill(os.getpid(), signal.SIGKILL)

    assert outcome(act) == ""
    assert (tmp_path / "t0" / "output.log").read_text() == "last words\n"


@pytest.fixture(autouse=True)
def _no_children_left() -> Iterator[None]:
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
