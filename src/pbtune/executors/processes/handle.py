"""The driver's end of one worker."""

import os
import socket
from typing import Final, final

from pbtune.core.plan import Running
from pbtune.worker.protocol import (
    Asked,
    Begin,
    Begun,
    End,
    Errored,
    Finished,
    Message,
    Order,
    Said,
    Streamed,
    Unfit,
    decode_said,
    framed,
    unframed,
)

_READ_BYTES: Final = 1 << 20


@final
class Handle:
    """One worker process in one slot.

    ``trial`` and ``attempt`` are what it was last told to run. ``unanswered`` is the start or end
    that it has not confirmed yet; ``since_s`` when that was sent.
    """

    def __init__(self, worker: int, slot: int, control: socket.socket, stream_fd: int) -> None:
        self.worker = worker
        self.slot = slot
        self.control = control
        self.stream_fd = stream_fd
        self.trial: str | None = None
        self.attempt = 0
        self.is_held = False
        self.is_killed = False
        self.unanswered: Begin | End | None = None
        self.since_s = 0.0
        self.unfit: Unfit | None = None
        self._control_buffer = bytearray()
        self._stream_buffer = bytearray()

    def running(self) -> Running:
        """What the plan is compared with."""
        return Running(self.slot, self.trial, self.attempt, self.is_held)

    def send(self, order: Order, now_s: float) -> None:
        """Give an order. A worker that is dead is learned of elsewhere, from its process."""
        self.is_held = False
        if isinstance(order, Begin):
            self.trial, self.attempt = order.trial, order.attempt
        elif isinstance(order, End):
            self.trial, self.attempt = None, 0
        if isinstance(order, (Begin, End)):
            self.unanswered, self.since_s = order, now_s
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
        return self._understood(unframed(self._stream_buffer))

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
        return self.read_stream() + self._understood(bodies)

    def _understood(self, bodies: list[bytes]) -> list[Message]:
        messages: list[Message] = []
        for body in bodies:
            said: Said = decode_said(body)
            match said:
                case Begun(attempt=attempt):
                    if self.unanswered is not None and attempt == _attempt(self.unanswered):
                        self.unanswered = None
                case Unfit():
                    self.unfit = said
                case Streamed():
                    messages.append(said)
                case Asked():
                    self.is_held = self._is_current(said.trial, said.attempt)
                    messages.append(said)
                case Finished() | Errored():
                    if self._is_current(said.trial, said.attempt):
                        self.trial, self.attempt, self.unanswered = None, 0, None
                    messages.append(said)
        return messages

    def _is_current(self, trial: str, attempt: int) -> bool:
        return self.trial == trial and self.attempt == attempt

    def close(self) -> None:
        """Let go of both ends."""
        self.control.close()
        os.close(self.stream_fd)


def _attempt(order: Begin | End) -> int:
    return order.attempt if isinstance(order, Begin) else 0
