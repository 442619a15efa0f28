import select
import socket
from collections.abc import Iterator

import pytest

from pbtune.worker import waiting


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


@pytest.fixture(params=["poll", "select"])
def watch(request) -> waiting.Poll:
    return waiting.poll() if request.param == "poll" else waiting.SelectPoll()


def test_a_socket_is_ready_when_there_is_something_to_read(pair, watch):
    here, there = pair
    watch.register(here, waiting.IN)
    assert watch.poll(0) == []
    there.send(b"x")
    assert [fd for fd, _ in watch.poll(1000)] == [here.fileno()]
    here.recv(1)
    there.close()
    assert [fd for fd, _ in watch.poll(None)] == [here.fileno()]


def test_a_socket_that_is_watched_no_more_is_never_ready(pair, watch):
    here, there = pair
    watch.register(here.fileno(), waiting.IN)
    watch.register(there.fileno(), waiting.IN)
    there.send(b"x")
    watch.unregister(here.fileno())
    assert watch.poll(0.5) == []


@pytest.mark.parametrize("has_flag", [True, False], ids=["by a flag", "by select"])
def test_a_blocking_socket_is_read_without_waiting(pair, monkeypatch, has_flag):
    if not has_flag:
        monkeypatch.delattr(socket, "MSG_DONTWAIT")
    here, there = pair
    receive = waiting.receiver(here, 8)
    with pytest.raises(BlockingIOError):
        receive()
    there.send(b"0123456789")
    assert receive() == b"01234567"
    assert receive() == b"89"
    there.close()
    assert receive() == b""


def test_without_poll_sockets_alone_are_watched(monkeypatch):
    monkeypatch.setattr(waiting, "WATCHES_PIPES", False)
    assert isinstance(waiting.poll(), waiting.SelectPoll)
    assert waiting.IN == select.POLLIN
