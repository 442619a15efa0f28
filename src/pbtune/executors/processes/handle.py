"""The driver's end of one worker."""

import os
import socket
from typing import Final, final

from pbtune.core.plan import Running
from pbtune.executors.conversation import Conversation
from pbtune.worker.protocol import Message, Order, framed, unframed

_READ_BYTES: Final = 1 << 20


@final
class Handle:
    """One worker process in one slot.

    ``talk`` is what it was told and has said; the rest is the way there.
    """

    def __init__(self, worker: int, slot: int, control: socket.socket, stream_fd: int) -> None:
        self.worker = worker
        self.slot = slot
        self.control = control
        self.stream_fd = stream_fd
        self.talk = Conversation()
        self.is_killed = False
        self.killed_for: str | None = None
        self._control_buffer = bytearray()
        self._stream_buffer = bytearray()

    def running(self) -> Running:
        """What the plan is compared with."""
        return self.talk.running(self.slot)

    def send(self, order: Order, now_s: float) -> None:
        """Give an order. A worker that is dead is learned of elsewhere, from its process."""
        self.talk.told(order, now_s)
        try:
            self.control.sendall(framed(order))
        except OSError:
            self.is_killed = True

    def read_stream(self) -> list[Message]:
        """What has been streamed since the last look."""
        chunk = b""
        while True:
            try:
                chunk = os.read(self.stream_fd, _READ_BYTES)
            except BlockingIOError:
                break
            if not chunk:
                break
            self._stream_buffer += chunk
            if len(chunk) < _READ_BYTES:
                break
        if not self._stream_buffer:
            return []
        return self.talk.understood(unframed(self._stream_buffer))

    def read_control(self) -> list[Message]:
        """What the driver has to react to, behind all that was streamed before it."""
        try:
            data = self.control.recv(_READ_BYTES, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionError):
            return []
        if not data:
            return []
        self._control_buffer += data
        bodies = unframed(self._control_buffer)
        if not bodies:
            return []
        return self.read_stream() + self.talk.understood(bodies)

    def close(self) -> None:
        """Let go of both ends."""
        self.control.close()
        os.close(self.stream_fd)
