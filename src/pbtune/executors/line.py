"""The way to one worker from the driver's side: a socket that is watched, and a stream that isn't.

The control socket takes orders, and brings what the driver has to react to. The stream brings what
can wait: a pipe on one machine, a second socket between two.
"""

import contextlib
import os
import socket
from typing import Final, final

from pbtune.executors.pipes import read_now
from pbtune.worker.protocol import Order, framed, unframed
from pbtune.worker.waiting import receiver

_READ_BYTES: Final = 1 << 20


@final
class Line:
    """Both ends that the driver holds.

    Args:
        control: The socket; blocking, since orders are small.
        stream_fd: What streamed reports are read from; not blocking.

    Attributes:
        is_broken: Whether the other side is gone, as far as this line knows.
    """

    def __init__(self, control: socket.socket, stream_fd: int) -> None:
        self.control = control
        self.stream_fd = stream_fd
        self.is_broken = False
        self._receive = receiver(control, _READ_BYTES)
        self._control_buffer = bytearray()
        self._stream_buffer = bytearray()

    def send(self, order: Order) -> None:
        """Give an order. A worker that is dead is learned of elsewhere, from its process."""
        try:
            self.control.sendall(framed(order))
        except OSError:
            self.is_broken = True

    def read_stream(self) -> list[bytes]:
        """The frames that have been streamed since the last look."""
        chunk = b""
        while True:
            try:
                chunk = read_now(self.stream_fd, _READ_BYTES)
            except OSError:
                # Nothing is there, or the other machine is gone.
                break
            if not chunk:
                break
            self._stream_buffer += chunk
            if len(chunk) < _READ_BYTES:
                break
        return unframed(self._stream_buffer) if self._stream_buffer else []

    def read_control(self) -> list[bytes]:
        """Frames that the driver has to react to, behind all that was streamed before them."""
        try:
            data = self._receive()
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.is_broken = True
            return []
        self._control_buffer += data
        bodies = unframed(self._control_buffer)
        return self.read_stream() + bodies if bodies else []

    def close(self) -> None:
        """Let go of both ends."""
        self.control.close()
        with contextlib.suppress(OSError):
            os.close(self.stream_fd)
