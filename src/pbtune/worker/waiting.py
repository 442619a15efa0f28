"""Waiting for sockets and reading them without waiting, by what the system has.

POSIX has ``poll`` and a flag for one read that must not wait. Windows has neither: there ``select``
does both, for sockets alone.
"""

import select
import socket
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, final

IN: Final = getattr(select, "POLLIN", 1)
"""There is something to read, or an end of file."""
WATCHES_PIPES: Final = hasattr(select, "poll")
"""Whether a ``Poll`` takes the descriptors of pipes, or sockets alone."""


class HasFileno(Protocol):
    """A socket."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...


Watched = int | HasFileno


class Poll(Protocol):
    """What ``select.poll`` makes."""

    def register(self, fd: Watched, eventmask: int, /) -> None:
        """Watch it for ``IN``."""

    def unregister(self, fd: Watched, /) -> None:
        """Watch it no more."""

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Those with something to read, waiting up to ``timeout`` milliseconds for the first."""
        ...


@final
class SelectPoll:
    """A ``Poll`` by ``select``."""

    def __init__(self) -> None:
        self._fds: dict[int, None] = {}

    def register(self, fd: Watched, eventmask: int, /) -> None:
        """See ``Poll``."""
        del eventmask
        self._fds[_number(fd)] = None

    def unregister(self, fd: Watched, /) -> None:
        """See ``Poll``."""
        del self._fds[_number(fd)]

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """See ``Poll``."""
        wait_s = None if timeout is None else max(0.0, timeout / 1000)
        ready, _, _ = select.select(list(self._fds), [], [], wait_s)
        return [(fd, IN) for fd in ready]


def poll() -> Poll:
    """The system's own, which costs nothing in between."""
    return select.poll() if WATCHES_PIPES else SelectPoll()


def receiver(connection: socket.socket, bytes_max: int) -> Callable[[], bytes]:
    """What reads a blocking socket without waiting.

    Returns:
        A function that returns what is there, and b"" at the end; it raises BlockingIOError if
        nothing is, and ConnectionError.
    """
    flag = getattr(socket, "MSG_DONTWAIT", None)
    if flag is not None:
        return partial(connection.recv, bytes_max, flag)

    def receive() -> bytes:
        if not select.select([connection], [], [], 0)[0]:
            raise BlockingIOError
        return connection.recv(bytes_max)

    return receive


def _number(fd: Watched) -> int:
    return fd if isinstance(fd, int) else fd.fileno()
