"""Workers that are started one by one on POSIX: process groups, inherited files, and a guard."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import BinaryIO, Final, cast, final

from pbtune.executors.processes.system import AbstractProcess, AbstractSystem
from pbtune.worker.direct import Directions
from pbtune.worker.payload import memory_file

_GUARD: Final = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    group = int(line)
    groups.add(group) if group > 0 else groups.discard(-group)
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""
"""Outlives the driver by a moment. A line is a process group to end then, or, negative, an end."""


@final
class Guard:
    """A process that ends process groups when this one is gone, however it went."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._popen: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        """End this one, too."""
        with self._lock:
            self._groups.add(group)
            try:
                self._tell(group)
            except BrokenPipeError:
                # Somebody ended the guard: a new one learns of all.
                self._end()
                for each in self._groups:
                    self._tell(each)

    def discard(self, group: int) -> None:
        """It has ended."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._groups.discard(group)
            self._tell(-group)

    def close(self) -> None:
        """There is nothing to guard any more."""
        with self._lock:
            self._end()

    def _tell(self, number: int) -> None:
        if self._popen is None:
            self._popen = subprocess.Popen(  # noqa: S603  our own interpreter and code
                [sys.executable, "-I", "-S", "-c", _GUARD],
                stdin=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        cast("BinaryIO", self._popen.stdin).write(f"{number}\n".encode())

    def _end(self) -> None:
        popen, self._popen = self._popen, None
        if popen is not None:
            cast("BinaryIO", popen.stdin).close()
            popen.wait()


@final
class PosixProcess(AbstractProcess):
    """One that leads a process group of its own."""

    def __init__(
        self, popen: "subprocess.Popen[bytes]", directions: Directions, guard: Guard
    ) -> None:
        super().__init__(popen, directions)
        self._guard = guard
        self._lock = threading.Lock()
        self._is_over = False

    def wait(self) -> int:
        """See the base class."""
        if hasattr(os, "waitid"):
            # Left unreaped until its group is killed, so that the number can't be reused. Not on
            # macOS before Python 3.13.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOWAIT)
        else:
            self.popen.wait()
        with self._lock:
            self._is_over = True
            _kill_group(self.popen.pid)
        self._guard.discard(self.popen.pid)
        return self.popen.wait()

    def kill(self) -> None:
        """See the base class."""
        with self._lock:
            if not self._is_over:
                _kill_group(self.popen.pid)


@final
class PosixSystem(AbstractSystem):
    """macOS, and Linux where workers aren't forked."""

    def __init__(self) -> None:
        self._guard = Guard()
        self._payload = memory_file()

    def load(self, payload: bytes) -> None:
        """See the base class."""
        self._payload.write(payload)
        self._payload.flush()

    def start(
        self,
        code: str,
        environment: Mapping[str, str],
        control: socket.socket,
        stream_fd: int,
        path: tuple[str, ...],
    ) -> PosixProcess:
        """See the base class."""
        fds = (control.fileno(), self._payload.fileno())
        popen = subprocess.Popen(  # noqa: S603  our own interpreter and code
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=stream_fd,
            pass_fds=fds,
            env=environment,
            start_new_session=True,
        )
        self._guard.add(popen.pid)
        return PosixProcess(popen, Directions(path, *fds), self._guard)

    def close(self) -> None:
        """See the base class."""
        self._guard.close()
        self._payload.close()


def _kill_group(pid: int) -> None:
    # macOS says EPERM of a group in which only the unreaped are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
