"""One driver at a time: the second one is refused, and told who the first one is."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pbtune.errors import EnvironmentFault, RunLocked
from pbtune.journal.lock import LOCK_NAME, RunLock

HOLD = """
import sys
from pathlib import Path
from pbtune.journal.lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
TRY = """
import sys
from pathlib import Path
from pbtune.errors import RunLocked
from pbtune.journal.lock import RunLock
try:
    with RunLock(Path(sys.argv[1])):
        print("held")
except RunLocked as error:
    print(error)
"""


@contextmanager
def another_driver(run_dir):
    command = [sys.executable, "-c", HOLD, str(run_dir)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.stdin.close()
            process.wait()


def tried_elsewhere(run_dir):
    command = [sys.executable, "-c", TRY, str(run_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_driver_in_another_process_is_named_by_its_pid(tmp_path):
    with (
        another_driver(tmp_path) as other,
        pytest.raises(RunLocked, match=rf"process id {other.pid}\b.*{tmp_path.name}"),
    ):
        RunLock(tmp_path).__enter__()


@pytest.mark.slow
def test_being_refused_once_does_not_lock_the_run_for_good(tmp_path):
    lock = RunLock(tmp_path)
    with another_driver(tmp_path), pytest.raises(RunLocked):
        lock.__enter__()
    with lock:
        assert int((tmp_path / LOCK_NAME).read_text()) == os.getpid()


@pytest.mark.slow
def test_the_lock_of_a_killed_driver_is_free(tmp_path):
    with another_driver(tmp_path) as other:
        other.kill()
        other.wait()
        with RunLock(tmp_path):
            assert int((tmp_path / LOCK_NAME).read_text()) == os.getpid()


@pytest.mark.slow
def test_this_driver_is_seen_from_another_process(tmp_path):
    with RunLock(tmp_path):
        assert f"process id {os.getpid()}" in tried_elsewhere(tmp_path)
    assert tried_elsewhere(tmp_path) == "held\n"


def test_a_second_driver_of_the_same_process_is_refused(tmp_path):
    with RunLock(tmp_path):
        with pytest.raises(RunLocked, match=rf"process id {os.getpid()}\b"):
            RunLock(tmp_path).__enter__()
        # The refused one must not have let go of the system's lock either.
        assert "process id" in tried_elsewhere(tmp_path)


def test_the_same_run_under_another_path_is_the_same_run(tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (tmp_path / "link").symlink_to(run_dir)
    with RunLock(run_dir), pytest.raises(RunLocked):
        RunLock(tmp_path / "link").__enter__()


def test_runs_do_not_lock_each_other(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with RunLock(tmp_path / "a"), RunLock(tmp_path / "b"):
        assert (tmp_path / "a" / LOCK_NAME).exists()


def test_the_lock_ends_with_an_exception(tmp_path):
    with pytest.raises(KeyError), RunLock(tmp_path):
        raise KeyError
    with RunLock(tmp_path):
        pass


def test_a_lock_is_an_error_of_the_environment():
    assert issubclass(RunLocked, EnvironmentFault)
    assert issubclass(RunLocked, OSError)
