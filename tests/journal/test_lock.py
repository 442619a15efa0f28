"""One driver at a time: the second one is refused, and told who the first one is."""

import errno
import fcntl
import os
import platform
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pbtune.errors import EnvironmentFault, RunLocked, StorageUnwritable
from pbtune.journal import lock
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


def holder(run_dir):
    return int((run_dir / LOCK_NAME).read_text().split()[0])


@pytest.mark.slow
def test_a_driver_in_another_process_is_named_by_its_pid_and_its_machine(tmp_path):
    with (
        another_driver(tmp_path) as other,
        pytest.raises(
            RunLocked, match=rf"process id {other.pid} on {platform.node()} .*{tmp_path.name}"
        ),
    ):
        RunLock(tmp_path).__enter__()


@pytest.mark.slow
def test_being_refused_once_does_not_lock_the_run_for_good(tmp_path):
    lock = RunLock(tmp_path)
    with another_driver(tmp_path), pytest.raises(RunLocked):
        lock.__enter__()
    with lock:
        assert holder(tmp_path) == os.getpid()


@pytest.mark.slow
def test_the_lock_of_a_killed_driver_is_free(tmp_path):
    with another_driver(tmp_path) as other:
        other.kill()
        other.wait()
        with RunLock(tmp_path):
            assert holder(tmp_path) == os.getpid()


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


@pytest.mark.slow
def test_a_forked_child_that_lives_on_keeps_no_lock(tmp_path):
    hold = HOLD.replace(
        "    print", "    import os, time\n    os.fork() or time.sleep(100)\n    print"
    )
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        os.kill(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)
        try:
            with RunLock(tmp_path):
                assert holder(tmp_path) == os.getpid()
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_file_system_without_locks_is_refused_by_name(tmp_path, monkeypatch):
    def lockf(_fd, _how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", lockf)
    with pytest.raises(
        StorageUnwritable, match=r"driver\.lock can't be locked: No locks available"
    ):
        RunLock(tmp_path).__enter__()


def test_a_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(StorageUnwritable, match=r"gone/driver\.lock can't be locked"):
        RunLock(tmp_path / "gone").__enter__()


def test_a_full_disk_is_named_and_leaves_the_run_unlocked(tmp_path, monkeypatch):
    def write(_fd, _data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(StorageUnwritable, match="No space left"):
            RunLock(tmp_path).__enter__()
    with RunLock(tmp_path):
        assert holder(tmp_path) == os.getpid()


def test_asking_who_drives_does_not_give_up_the_lock_of_the_process_that_asks(tmp_path):
    with RunLock(tmp_path):
        found = lock.holder(tmp_path)
        assert found is not None
        assert (found.pid, found.is_killed) == (os.getpid(), False)
        assert f"process id {os.getpid()}" in tried_elsewhere(tmp_path)
