"""A worker in a Python of its own, started by the driver: where there is no template to fork.

driver ──Directions, end of file──► standard input
driver ◄──────── streamed reports── standard output, until the first attempt has its log
"""

import os
import socket
import sys
from typing import Final

import msgspec

from pbtune.worker.payload import mapped
from pbtune.worker.process import work


class Directions(msgspec.Struct, frozen=True, array_like=True):
    """What such a worker is told first.

    ``control`` is its control socket's descriptor, or on Windows what ``socket.share`` made of it;
    ``payload`` the descriptor of a file with a ``Job``, or on Windows the file's name.
    """

    path: tuple[str, ...]
    control: int | bytes
    payload: int | str


decode_directions: Final = msgspec.msgpack.Decoder(Directions).decode


def main() -> None:
    """Become a worker. Its process group, or job object, is the driver's to end."""
    with os.fdopen(0, "rb", closefd=False) as told:
        body = told.read()
    if not body:
        # The driver was killed in between.
        os._exit(0)
    directions = decode_directions(body)
    sys.path[:] = directions.path
    work(_control(directions.control), _stream(), mapped(directions.payload))


def _control(given: int | bytes) -> socket.socket:
    if isinstance(given, int):
        return socket.socket(fileno=given)
    return socket.fromshare(given)  # pyright: ignore[reportAttributeAccessIssue]  Windows


def _stream() -> int:
    """The pipe that standard output is at first; what is printed goes to the driver's errors."""
    stream_fd = os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  only there

        msvcrt.setmode(stream_fd, os.O_BINARY)
    return stream_fd
