import os
import socket
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbtune.core.lease import Lease, Rule
from pbtune.worker.channel import PipeChannel
from pbtune.worker.protocol import (
    Asked,
    Begun,
    End,
    Finished,
    Proceed,
    Streamed,
    decode_said,
    framed,
    unframed,
)


class Line(NamedTuple):
    """A channel, and the driver's ends of it."""

    channel: PipeChannel
    control: socket.socket
    stream_fd: int


@pytest.fixture
def line() -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    read_fd, write_fd = os.pipe()
    with ours, theirs:
        yield Line(PipeChannel(theirs, write_fd), ours, read_fd)
    os.close(read_fd)
    os.close(write_fd)


def streamed(step: int, size: int = 2) -> Streamed:
    return Streamed("t0", 1, step, 0.0, 0.0, b"x" * size)


ASKED = Asked("t0", 1, 1, 0.0, 0.0, b"{}", {})


def test_a_streamed_report_goes_into_the_pipe_and_not_into_the_control_socket(line):
    line.channel.stream(streamed(1))
    (body,) = unframed(bytearray(os.read(line.stream_fd, 4096)))
    assert decode_said(body) == streamed(1)
    line.control.setblocking(False)
    with pytest.raises(BlockingIOError):
        line.control.recv(1)


def test_a_streamed_report_beyond_the_pipe_s_room_arrives_whole(line):
    big = streamed(1, size=1 << 20)
    buffer = bytearray()

    def drain() -> None:
        while not (len(buffer) > 4 and len(buffer) >= len(framed(big))):
            buffer.extend(os.read(line.stream_fd, 1 << 16))

    reader = threading.Thread(target=drain)
    reader.start()
    line.channel.stream(big)
    reader.join()
    assert [decode_said(body) for body in unframed(buffer)] == [big]


def test_what_is_told_goes_to_the_control_socket(line):
    line.channel.tell(Finished("t0", 1))
    (body,) = unframed(bytearray(line.control.recv(4096)))
    assert decode_said(body) == Finished("t0", 1)


def test_asking_returns_the_verdict(line):
    verdict = Proceed(1, Lease((Rule("training_iteration", 5),)))
    line.control.sendall(framed(verdict))
    assert line.channel.ask(ASKED) == verdict
    (body,) = unframed(bytearray(line.control.recv(4096)))
    assert decode_said(body) == ASKED


def test_polling_an_empty_line_waits_for_nothing(line):
    assert line.channel.poll() is None


def test_polling_finds_an_order_that_came_unasked(line):
    line.control.sendall(framed(End(3)))
    assert line.channel.poll() == End(3)
    assert line.channel.poll() is None


def test_polling_ignores_the_verdict_of_a_report_that_was_interrupted(line):
    line.control.sendall(framed(Proceed(1, Lease())))
    assert line.channel.poll() is None


def test_orders_that_arrive_together_are_taken_one_by_one(line):
    line.control.sendall(framed(Proceed(1, Lease())) + framed(End(1)))
    assert line.channel.next_order() == Proceed(1, Lease())
    assert line.channel.next_order() == End(1)


@given(cut=st.integers(0, len(framed(End(300)) * 2)))
def test_orders_that_are_split_at_any_byte_come_out_whole(cut):
    wire = framed(End(300)) * 2
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = PipeChannel(theirs, -1)
        ours.sendall(wire[:cut])
        late = threading.Thread(target=ours.sendall, args=(wire[cut:],))
        late.start()
        assert [channel.next_order(), channel.next_order()] == [End(300)] * 2
        late.join()


@pytest.mark.parametrize(
    "act",
    [
        lambda channel: channel.ask(ASKED),
        lambda channel: channel.tell(Finished("t0", 1)),
        lambda channel: channel.stream(Begun(1)),
        lambda channel: channel.next_order(),
    ],
    ids=["ask", "tell", "stream", "wait"],
)
def test_a_process_whose_driver_is_gone_exits(act):
    ours, theirs = socket.socketpair()
    read_fd, write_fd = os.pipe()
    channel = PipeChannel(theirs, write_fd)
    ours.close()
    os.close(read_fd)
    pid = os.fork()
    if pid == 0:
        try:
            act(channel)
        finally:
            # Whatever happens, this copy of the test run must not go on.
            os._exit(9)
    _, status = os.waitpid(pid, 0)
    theirs.close()
    os.close(write_fd)
    assert os.waitstatus_to_exitcode(status) == 0
