"""How actors and their driver meet, without Ray: in a folder, over the network, with strangers."""

import contextlib
import os
import queue
import socket
import threading

import msgspec
import pytest

from pbtune.executors.line import Line
from pbtune.executors.ray.door import LOOPBACK, Door, Visitor
from pbtune.executors.ray.handshake import (
    Challenge,
    Hello,
    Introduction,
    Place,
    Refused,
    Welcome,
    dial,
    meet,
    proof_of,
)
from pbtune.executors.ray.inbox import Inbox
from pbtune.worker.channel import PipeChannel
from pbtune.worker.protocol import (
    LENGTH,
    Asked,
    Begun,
    End,
    Streamed,
    decode_said,
    framed,
)

WAIT_S = 10.0
ME = Introduction(7, "control", "node", 1, "0", shares_folder=True)
ASKED = Asked("t0", 1, 2, 0.0, 0.0, b"{}", {})
STREAMED = Streamed("t0", 1, 1, 0.0, 0.0, b"{}")


class Host:
    """A door, and who came in."""

    def __init__(self):
        self.visitors: queue.Queue[Visitor] = queue.Queue()
        self.door = Door(self.visitors.put)

    def place(self, *, is_here=True):
        path = self.door.socket_path if is_here else "/nonexistent/driver"
        return Place("run", "marker", path, self.door.addresses, self.door.key, 7)


@pytest.fixture
def host():
    host = Host()
    yield host
    host.door.close()


def said(bodies):
    return [decode_said(body) for body in bodies]


@pytest.mark.parametrize("is_here", [True, False])
def test_an_actor_that_dials_is_as_any_other_worker(host, is_here):
    host.door.open_at(LOOPBACK)
    channel = PipeChannel(*dial(host.place(is_here=is_here), ME))
    visitor = host.visitors.get(timeout=WAIT_S)
    assert visitor.introduction.worker == 7
    line = visitor.line
    line.send(End(3))
    assert channel.next_order() == End(3)
    channel.stream(STREAMED)
    channel.tell(ASKED)
    inbox = Inbox()
    inbox.watch(line.control)
    heard = []
    while len(heard) < 2:
        ready, _ = inbox.wait(WAIT_S)
        assert ready == {line.control.fileno()}
        heard += said(line.read_control() + line.read_stream())
    assert set(map(type, heard)) == {Streamed, Asked}
    inbox.close()
    line.close()
    channel._control.close()
    os.close(channel._stream_fd)


def test_what_was_streamed_on_one_machine_comes_before_what_was_asked_after_it(host):
    channel = PipeChannel(*dial(host.place(), ME))
    line = host.visitors.get(timeout=WAIT_S).line
    channel.stream(Begun(1))
    channel.stream(STREAMED)
    channel.tell(ASKED)
    assert said(line.read_control()) == [Begun(1), STREAMED, ASKED]
    line.close()
    channel._control.close()
    os.close(channel._stream_fd)


def test_an_order_right_behind_the_welcome_is_not_lost(host):
    key, ours, theirs = host.door.key, *socket.socketpair()
    with ours, theirs:
        ours.sendall(framed(Challenge(b"n" * 32)))

        def answer():
            (size,) = LENGTH.unpack(ours.recv(LENGTH.size))
            hello = msgspec.msgpack.decode(ours.recv(size), type=Hello)
            who = msgspec.msgpack.decode(hello.introduction, type=Introduction)
            proof = proof_of(key, b"driver", who.nonce, b"n" * 32)
            ours.sendall(framed(Welcome(proof)) + framed(End(9)))

        thread = threading.Thread(target=answer)
        thread.start()
        meet(theirs, key, ME)
        thread.join()
        assert PipeChannel(theirs, -1).next_order() == End(9)


@pytest.mark.parametrize("is_here", [True, False])
def test_who_doesnt_know_the_key_is_not_let_in(host, is_here):
    host.door.open_at(LOOPBACK)
    place = msgspec.structs.replace(host.place(is_here=is_here), key=b"x" * 32)
    with pytest.raises(ConnectionError, match="can't be reached from here"):
        dial(place, ME)
    # Those who do are let in all the same.
    control, stream_fd = dial(host.place(is_here=is_here), ME)
    visitor = host.visitors.get(timeout=WAIT_S)
    assert host.visitors.empty()
    visitor.line.close()
    control.close()
    os.close(stream_fd)


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x02{}", b"\xff" * 8, b""]
)
def test_noise_at_the_door_is_turned_away(host, noise):
    host.door.open_at(LOOPBACK)
    stranger = socket.create_connection(host.door.addresses[0], timeout=WAIT_S)
    # It may be turned away before it has said everything.
    with stranger, contextlib.suppress(OSError):
        stranger.sendall(noise)
        stranger.shutdown(socket.SHUT_WR)
        while stranger.recv(4096):
            pass
    assert host.visitors.empty()


def test_an_address_that_another_program_has_taken_is_not_trusted():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(framed(Challenge(b"n" * 32)) + framed(Welcome(b"w" * 32)))
        with pytest.raises(Refused, match="another program"):
            meet(theirs, b"k" * 32, ME)


def test_a_driver_that_no_address_leads_to_is_named_with_all_that_was_tried(host):
    with socket.create_server((LOOPBACK, 0)) as gone:
        address = gone.getsockname()
    place = msgspec.structs.replace(host.place(is_here=False), addresses=(address,))
    with pytest.raises(ConnectionError) as caught:
        dial(place, ME)
    assert "/nonexistent/driver (" in str(caught.value)
    assert f"{LOOPBACK}:{address[1]} (" in str(caught.value)


def test_nobody_is_let_in_after_the_end():
    host = Host()
    host.door.open_at(LOOPBACK)
    place, folder = host.place(), os.path.dirname(host.door.socket_path)  # noqa: PTH120
    host.door.close()
    assert not os.path.exists(folder)  # noqa: PTH110
    with pytest.raises(ConnectionError):
        dial(place, ME)


def test_the_folder_of_the_socket_is_the_users_own(host):
    assert os.stat(os.path.dirname(host.door.socket_path)).st_mode & 0o777 == 0o700  # noqa: PTH116, PTH120


def test_an_actor_that_is_gone_breaks_its_line(host):
    control, stream_fd = dial(host.place(), ME)
    line: Line = host.visitors.get(timeout=WAIT_S).line
    control.close()
    os.close(stream_fd)
    assert line.read_control() == []
    assert line.is_broken
    assert line.read_stream() == []
    line.close()


def test_news_wake_the_loop_from_any_thread():
    inbox = Inbox()
    inbox.put("a")
    inbox.put("b")
    assert inbox.wait(WAIT_S) == ({inbox._read_fd}, ["a", "b"])
    assert inbox.wait(0.0) == (set(), [])
    inbox.close()
    inbox.put("late")
