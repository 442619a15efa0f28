"""A run at a URL has one driver, whichever machines they are on."""

import subprocess
import sys
import time
import uuid

import msgspec
import pytest

from pbtune.checkpoints.remote import Remote
from pbtune.driver import remote_lock
from pbtune.driver.remote_lock import EXPIRY_S, SURELY_S, Lease, NoRemoteLock, RemoteLock
from pbtune.errors import RunLocked

ELSEWHERE = Lease("someone", "node-7", 4242, "another machine", 3, time.time())


@pytest.fixture
def remote():
    import fsspec

    name = f"/{uuid.uuid4().hex}"
    yield Remote(f"memory:/{name}/run", patience_s=0.0)
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


class Waiting:
    """Counts the seconds that are waited, and does something at each."""

    def __init__(self, action=lambda: None):
        self.action = action
        self.waited_s = 0.0

    def __call__(self, seconds):
        self.waited_s += seconds
        self.action()


def held(remote, lease, number=1):
    remote.write(f"driver-{number:06d}.json", msgspec.json.encode(lease))


def leases(remote):
    names = sorted(name for name in remote.names() if name.startswith("driver-"))
    return [msgspec.json.decode(remote.read(name), type=Lease) for name in names]


def test_a_driver_that_shows_a_sign_of_life_keeps_its_run(remote):
    told = []
    with RemoteLock(remote) as first:
        waiting = Waiting(first.renew)
        with (
            pytest.raises(RunLocked, match=r"process id \d+ on .* is working on the run memory"),
            RemoteLock(remote, told.append, waiting),
        ):
            pass
        assert not first.is_lost
    assert 0 < waiting.waited_s < EXPIRY_S
    assert "may be at work" in told[0]


def test_after_a_clean_end_the_next_one_neednt_wait(remote):
    waiting = Waiting()
    for _ in range(4):
        with RemoteLock(remote, wait=waiting) as lock:
            lock.confirm()
    assert waiting.waited_s == 0.0
    # What is over is tidied away.
    assert len(leases(remote)) <= 2


def test_a_driver_that_was_killed_on_this_machine_is_followed_at_once(remote):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = msgspec.structs.replace(ELSEWHERE, machine=remote_lock._machine(), pid=dead.pid)
    held(remote, here)
    waiting = Waiting()
    with RemoteLock(remote, wait=waiting):
        assert waiting.waited_s == 0.0


def test_a_silent_driver_elsewhere_is_followed_after_a_minute(remote):
    held(remote, ELSEWHERE)
    waiting = Waiting()
    with RemoteLock(remote, wait=waiting) as lock:
        assert waiting.waited_s == EXPIRY_S
        lock.check()


def test_one_that_ends_while_it_is_watched_is_followed(remote):
    held(remote, ELSEWHERE)
    over = msgspec.structs.replace(ELSEWHERE, is_over=True)
    waiting = Waiting(lambda: held(remote, over))
    with RemoteLock(remote, wait=waiting):
        assert waiting.waited_s < EXPIRY_S


def test_one_that_has_been_silent_for_long_is_followed_at_once(remote):
    held(remote, msgspec.structs.replace(ELSEWHERE, renewed_at=time.time() - 2 * SURELY_S))
    waiting = Waiting()
    with RemoteLock(remote, wait=waiting):
        assert waiting.waited_s == 0.0


def test_half_a_lease_is_somebodys(remote):
    remote.write("driver-000001.json", b"{")
    with (
        pytest.raises(RunLocked),
        RemoteLock(remote, wait=Waiting(lambda: held(remote, ELSEWHERE))),
    ):
        pass


def test_a_driver_whose_run_was_taken_writes_nothing_more(remote):
    with RemoteLock(remote) as lock:
        lock.confirm()
        held(remote, ELSEWHERE, number=2)
        with pytest.raises(RunLocked, match="4242 on node-7"):
            lock.confirm()
        assert lock.is_lost
        before = leases(remote)
    assert leases(remote) == before
    assert before[-1] == ELSEWHERE


def test_of_two_that_start_in_the_same_moment_one_wins(remote, monkeypatch):
    other = RemoteLock(Remote(remote.url, patience_s=0.0))
    own = Remote.create

    def create(self, name, body):
        if self is remote and other._number == 0:
            other.__enter__()
        return own(self, name, body)

    monkeypatch.setattr(Remote, "create", create)
    with pytest.raises(RunLocked), RemoteLock(remote, wait=Waiting(other.renew)):
        pass
    assert not other.is_lost
    other.__exit__()


def test_a_file_whose_making_was_not_answered_is_still_ones_own(remote, monkeypatch):
    own = type(remote.fs).pipe_file
    calls = []

    def pipe_file(self, path, value, mode="overwrite", **options):
        own(self, path, value, mode=mode, **options)
        calls.append(path)
        if len(calls) == 1:
            message = "the answer was lost"
            raise ConnectionError(message)

    monkeypatch.setattr(type(remote.fs), "pipe_file", pipe_file)
    patient = Remote(remote.url, patience_s=5.0, sleep=lambda _s: None)
    assert patient.create("file", b"mine")
    assert not patient.create("file", b"another's")
    assert patient.read("file") == b"mine"


def test_in_a_folder_a_file_is_made_only_once(tmp_path):
    remote = Remote(f"file://{tmp_path}/run", patience_s=0.0)
    assert remote.create("a", b"1")
    assert not remote.create("a", b"2")
    assert remote.read("a") == b"1"


def test_what_fails_behind_the_door_gives_the_run_back(remote):
    lock = RemoteLock(remote)
    lock.on_entry = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError), lock:
        pass
    assert [lease.is_over for lease in leases(remote)] == [True]


def test_a_run_on_this_machines_disk_has_no_lease():
    with NoRemoteLock() as lock:
        lock.check()
        assert not lock.is_lost
