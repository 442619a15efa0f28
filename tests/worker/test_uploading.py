"""Uploads beside the training: told in order, when they are whole, and never lost silently."""

import os
import select
import socket
import threading
import uuid

import pytest

from pbtune.checkpoints.remote import Remote
from pbtune.checkpoints.remote_store import FsspecStore
from pbtune.core.lease import Lease
from pbtune.worker.channel import PipeChannel
from pbtune.worker.protocol import (
    Asked,
    Begun,
    Errored,
    Finished,
    Proceed,
    Streamed,
    decode_said,
    framed,
    unframed,
)
from pbtune.worker.uploading import PENDING_MAX, UploadingChannel, uploading

WAIT_S = 10.0


class Rig:
    """A worker's end on a store in memory, whose uploads wait at a gate; and the driver's end."""

    def __init__(self, tmp_path, monkeypatch):
        self.name = f"/{uuid.uuid4().hex}"
        self.source = tmp_path / "source"
        self.source.mkdir()
        (self.source / "weights").write_bytes(b"w")
        self.remote = Remote(f"memory:/{self.name}", sleep=lambda _s: None)
        self.store = FsspecStore(self.remote, tmp_path / "cache")
        (tmp_path / "cache" / "t0").mkdir(parents=True)
        self.gate = threading.Event()
        self.failure = None
        self.driver, theirs = socket.socketpair()
        self.read_fd, self.write_fd = os.pipe()
        self.theirs = theirs
        self.channel = uploading(PipeChannel(theirs, self.write_fd), self.store)
        assert isinstance(self.channel, UploadingChannel)
        upload = Remote.upload

        def gated(remote, pairs):
            assert self.gate.wait(WAIT_S)
            if self.failure is not None:
                raise self.failure
            upload(remote, pairs)

        monkeypatch.setattr(Remote, "upload", gated)

    def commit(self, number):
        return self.store.commit_directory("t0", self.source, number)

    def streamed(self, step, *, saves=True):
        committed = self.commit(step) if saves else None
        return Streamed("t0", 1, step, 0.0, 0.0, b"{}", {}, committed)

    def has_said(self):
        return bool(select.select([self.read_fd], [], [], 0.0)[0])

    def heard(self, count):
        """So many streamed messages; waits for them."""
        buffer, bodies = bytearray(), []
        while len(bodies) < count:
            assert select.select([self.read_fd], [], [], WAIT_S)[0]
            buffer += os.read(self.read_fd, 1 << 16)
            bodies += unframed(buffer)
        return [decode_said(body) for body in bodies]

    def told(self):
        return decode_said(unframed(bytearray(self.driver.recv(1 << 16)))[0])

    def is_whole(self, committed):
        return self.store.verify(committed) is None

    def close(self):
        self.gate.set()
        for sock in (self.driver, self.theirs):
            sock.close()
        os.close(self.read_fd)
        os.close(self.write_fd)


@pytest.fixture
def rig(tmp_path, monkeypatch):
    rig = Rig(tmp_path, monkeypatch)
    yield rig
    rig.close()


def test_a_streamed_report_returns_at_once_and_is_told_when_its_checkpoint_is_whole(rig):
    message = rig.streamed(1)
    rig.channel.stream(message)
    assert not rig.has_said()
    assert not rig.is_whole(message.checkpoint)
    rig.gate.set()
    assert rig.heard(1) == [message]
    assert rig.is_whole(message.checkpoint)


def test_what_comes_after_an_upload_stays_behind_it(rig):
    messages = [rig.streamed(1), rig.streamed(2, saves=False), Begun(2)]
    for message in messages:
        rig.channel.stream(message)
    assert not rig.has_said()
    rig.gate.set()
    assert rig.heard(3) == messages


def test_without_uploads_nothing_waits(rig):
    rig.channel.stream(rig.streamed(1, saves=False))
    assert len(rig.heard(1)) == 1
    assert rig.channel._thread is None


def test_a_report_that_blocks_waits_for_all_uploads_and_for_its_own(rig):
    before = rig.streamed(1)
    rig.channel.stream(before)
    asked = Asked("t0", 1, 2, 0.0, 0.0, b"{}", {}, rig.commit(2))
    verdict = Proceed(1, Lease())
    rig.driver.sendall(framed(verdict))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(rig.channel.ask(asked)))
    thread.start()
    assert not select.select([rig.driver], [], [], 0.05)[0]
    rig.gate.set()
    thread.join(WAIT_S)
    assert answers == [verdict]
    assert rig.heard(1) == [before]
    assert rig.told() == asked
    assert rig.is_whole(asked.checkpoint)


def test_a_worker_that_saves_faster_than_it_uploads_is_held_back(rig):
    messages = [rig.streamed(step) for step in range(1, PENDING_MAX + 2)]
    for message in messages[:-1]:
        rig.channel.stream(message)
    thread = threading.Thread(target=rig.channel.stream, args=(messages[-1],))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    rig.gate.set()
    thread.join(WAIT_S)
    assert rig.heard(len(messages)) == messages


@pytest.mark.parametrize("ends_by", ["stream", "ask"])
def test_an_upload_that_can_never_be_is_raised_by_the_next_report(rig, ends_by):
    rig.failure = PermissionError("no such bucket")
    rig.channel.stream(rig.streamed(1))
    rig.gate.set()
    calls = {
        "stream": lambda: rig.channel.stream(rig.streamed(2)),
        "ask": lambda: rig.channel.ask(Asked("t0", 1, 2, 0.0, 0.0, b"{}", {})),
    }
    with rig.channel._changed:
        rig.channel._changed.wait_for(lambda: rig.channel._error is not None, WAIT_S)
    with pytest.raises(PermissionError, match="no such bucket"):
        calls[ends_by]()
    assert not rig.has_said()


def test_a_function_that_returns_before_its_upload_has_failed_has_failed_too(rig):
    rig.failure = PermissionError("no such bucket")
    rig.channel.stream(rig.streamed(1))
    rig.gate.set()
    rig.channel.tell(Finished("t0", 1))
    told = rig.told()
    assert isinstance(told, Errored)
    assert (told.trial, told.attempt, told.error) == ("t0", 1, "PermissionError")
    assert "no such bucket" in told.message


def test_what_one_attempt_lost_is_no_fault_of_the_next(rig):
    rig.failure = PermissionError("no such bucket")
    rig.channel.stream(rig.streamed(1))
    rig.gate.set()
    assert rig.channel._drained() is not None
    rig.channel._error = PermissionError("of the attempt before")
    rig.channel.stream(Begun(2))
    assert rig.heard(1) == [Begun(2)]


def test_an_upload_that_fails_after_the_next_attempt_began_is_not_its_fault(rig):
    rig.failure = PermissionError("no such bucket")
    rig.channel.stream(rig.streamed(1))
    rig.channel.stream(Begun(2))
    rig.gate.set()
    assert rig.heard(1) == [Begun(2)]
    rig.channel.settle()
    rig.channel.stream(rig.streamed(2, saves=False))
    assert len(rig.heard(1)) == 1


def test_within_an_attempt_numbers_are_looked_up_once(rig, monkeypatch):
    looks = []
    names = Remote.names
    monkeypatch.setattr(Remote, "names", lambda *args: looks.append(args) or names(*args))
    rig.gate.set()
    rig.channel.stream(Begun(1))
    rig.commit(1)
    rig.commit(2)
    assert len(looks) == 1
    rig.channel.stream(Begun(2))
    rig.commit(3)
    assert len(looks) == 2
