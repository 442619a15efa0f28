"""What a loop waits for: its actors' connections, and news that other threads bring."""

import contextlib
import os
import queue
import select
import socket
from typing import Final, final

_READ_BYTES: Final = 4096


@final
class Inbox:
    """One place to wait at. ``put`` is for any thread, the rest for the loop's own."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._poll = select.poll()
        self._poll.register(self._read_fd, select.POLLIN)

    def put(self, news: object) -> None:
        """Bring something, and wake the loop."""
        self._queue.put(news)
        # Full means that it will wake anyhow; closed, that nobody waits any more.
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._write_fd, b"\0")

    def watch(self, control: socket.socket) -> None:
        """Wait for this connection too."""
        self._poll.register(control, select.POLLIN)

    def unwatch(self, control: socket.socket) -> None:
        """Don't any more; one that isn't watched is fine."""
        with contextlib.suppress(KeyError, ValueError):
            self._poll.unregister(control)

    def wait(self, timeout_s: float) -> tuple[set[int], list[object]]:
        """Wait until there is something.

        Returns:
            The descriptors of connections that can be read, and the news in their order.
        """
        ready = {fd for fd, _ in self._poll.poll(timeout_s * 1000)}
        if self._read_fd not in ready:
            return ready, []
        with contextlib.suppress(BlockingIOError):
            os.read(self._read_fd, _READ_BYTES)
        news: list[object] = []
        with contextlib.suppress(queue.Empty):
            while True:
                news.append(self._queue.get_nowait())
        return ready, news

    def close(self) -> None:
        """Nobody waits any more."""
        write_fd, self._write_fd = self._write_fd, -1
        os.close(write_fd)
        os.close(self._read_fd)
