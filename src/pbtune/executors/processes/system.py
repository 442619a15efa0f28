"""What starting and ending a process takes, by the system: the one place where they differ.

                    posix.py                                windows.py
control socket      inherited                               duplicated into the process
payload             an open file without a name             a file in a folder of the driver's
ending a worker     its process group                       its job object
a dead driver       a guard process ends the groups         the system ends the jobs
"""

import contextlib
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import BinaryIO, cast

import msgspec

from pbtune.worker.direct import Directions


class AbstractProcess(ABC):
    """One started worker process. ``wait`` is called on a thread, ``kill`` on another."""

    def __init__(self, popen: "subprocess.Popen[bytes]", directions: Directions) -> None:
        self.popen = popen
        self._directions = directions

    def direct(self) -> None:
        """Tell it what it needs; it does nothing before. If it has died, ``wait`` tells."""
        with contextlib.suppress(OSError), cast("BinaryIO", self.popen.stdin) as told:
            told.write(msgspec.msgpack.encode(self._directions))

    @abstractmethod
    def wait(self) -> int:
        """Wait for its end, and end the children that it leaves.

        Returns:
            Its exit code, as subprocess has it.
        """

    @abstractmethod
    def kill(self) -> None:
        """End it, with all its children."""


class AbstractSystem(ABC):
    """Starts worker processes."""

    @abstractmethod
    def load(self, payload: bytes) -> None:
        """Put the job where workers can open it."""

    @abstractmethod
    def start(
        self,
        code: str,
        environment: Mapping[str, str],
        control: socket.socket,
        stream_fd: int,
        path: tuple[str, ...],
    ) -> AbstractProcess:
        """Start one.

        Args:
            code: What it runs.
            environment: All of its environment.
            control: The worker's end of its control socket.
            stream_fd: What its standard output is.
            path: Its ``sys.path``.

        Raises:
            OSError: If the system can't.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what outlives single processes, which have ended."""
