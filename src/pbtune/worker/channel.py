"""How a session reaches its driver: over a socket and a pipe, or by a call in the same process."""

import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, NoReturn, final

from pbtune.worker.protocol import (
    Asked,
    AwaitsSpace,
    Begin,
    Begun,
    End,
    Errored,
    Finished,
    Order,
    Streamed,
    Unfit,
    decode_order,
    framed,
    unframed,
)
from pbtune.worker.waiting import IN, poll

READ_BYTES: Final = 1 << 16
_GONE: Final = (ConnectionError, TimeoutError)
"""How a driver's end shows: the second, when its machine has vanished from the network."""


class AbstractChannel(ABC):
    """The worker's end."""

    @abstractmethod
    def stream(self, message: Streamed | Begun | AwaitsSpace) -> None:
        """Send one way; returns at once unless the driver is far behind."""

    @abstractmethod
    def tell(self, message: Finished | Errored | Unfit) -> None:
        """Send what the driver has to react to, without waiting."""

    @abstractmethod
    def ask(self, message: Asked) -> Order:
        """Send, and wait for the verdict."""

    @abstractmethod
    def poll(self) -> Begin | End | None:
        """An order that came unasked: the lease is revoked."""


@final
class PipeChannel(AbstractChannel):
    """A control socket that the driver watches, and a stream that it reads on a tick.

    The stream is a pipe, or a socket's descriptor where the driver is on another machine. A process
    whose driver is gone has nobody to work for: it calls ``leave``, which exits.
    """

    def __init__(
        self, control: socket.socket, stream_fd: int, leave: Callable[[], NoReturn] | None = None
    ) -> None:
        self._leave = _exit if leave is None else leave
        self._control = control
        self._stream_fd = stream_fd
        self._buffer = bytearray()
        self._orders: list[Order] = []
        self._poll = poll()
        self._poll.register(control, IN)

    def stream(self, message: Streamed | Begun | AwaitsSpace) -> None:
        """See the base class."""
        data = framed(message)
        try:
            # A pipe takes a small frame whole; a larger one may need several writes.
            sent = os.write(self._stream_fd, data)
            while sent < len(data):
                sent += os.write(self._stream_fd, data[sent:])
        except _GONE:
            self._leave()

    def tell(self, message: Finished | Errored | Unfit) -> None:
        """See the base class."""
        self._send(framed(message))

    def ask(self, message: Asked) -> Order:
        """See the base class."""
        self._send(framed(message))
        return self.next_order()

    def poll(self) -> Begin | End | None:
        """See the base class."""
        if not self._orders and not self._poll.poll(0):
            return None
        order = self.next_order()
        # A verdict can't come unasked, so this one is of a report that was interrupted.
        return None if not isinstance(order, (Begin, End)) else order

    def next_order(self) -> Order:
        """Wait for the next order. Exits when the driver is gone."""
        while not self._orders:
            try:
                data = self._control.recv(READ_BYTES)
            except _GONE:
                data = b""
            if not data:
                self._leave()
            self._buffer += data
            self._orders = [decode_order(body) for body in unframed(self._buffer)]
        return self._orders.pop(0)

    def _send(self, data: bytes) -> None:
        try:
            self._control.sendall(data)
        except _GONE:
            self._leave()


def _exit() -> NoReturn:
    os._exit(0)
