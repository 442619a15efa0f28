"""The driver's end of one worker."""

import socket
from typing import final

from pbtune.core.plan import Running
from pbtune.executors.conversation import Conversation
from pbtune.executors.line import Line
from pbtune.worker.protocol import Message, Order


@final
class Handle:
    """One worker process in one slot.

    ``talk`` is what it was told and has said; ``line`` is the way there.
    """

    def __init__(self, worker: int, slot: int, control: socket.socket, stream_fd: int) -> None:
        self.worker = worker
        self.slot = slot
        self.line = Line(control, stream_fd)
        self.control = control
        self.stream_fd = stream_fd
        self.talk = Conversation()
        self.is_killed = False
        self.killed_for: str | None = None

    def running(self) -> Running:
        """What the plan is compared with."""
        return self.talk.running(self.slot)

    def send(self, order: Order, now_s: float) -> None:
        """Give an order. A worker that is dead is learned of elsewhere, from its process."""
        self.talk.told(order, now_s)
        self.line.send(order)
        self.is_killed = self.is_killed or self.line.is_broken

    def read_stream(self) -> list[Message]:
        """What has been streamed since the last look."""
        return self.talk.understood(self.line.read_stream())

    def read_control(self) -> list[Message]:
        """What the driver has to react to, behind all that was streamed before it."""
        return self.talk.understood(self.line.read_control())

    def close(self) -> None:
        """Let go of both ends."""
        self.line.close()
