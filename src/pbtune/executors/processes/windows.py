"""Workers on Windows: job objects, duplicated sockets, and pipes that are looked into.

Windows has no fork, no process groups that can be ended, and can't wait for a pipe. What it has:

- A job object ends a process with all that it started; and the system ends it when its last handle
  is closed, which happens to a driver however it goes.
- ``socket.share`` duplicates a socket into a process whose number is known: no port stays open that
  a stranger could connect to.
- ``PeekNamedPipe`` tells how much can be read without waiting.
"""

# pyright: reportAttributeAccessIssue=false
# It is checked on Linux, where the names of Windows aren't.

import contextlib
import ctypes
import msvcrt
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from ctypes import wintypes
from pathlib import Path
from typing import Any, Final, final

from pbtune.executors.processes.system import AbstractProcess, AbstractSystem
from pbtune.worker.direct import Directions

PIPE_BYTES: Final = 1 << 20
_KILL_ON_JOB_CLOSE: Final = 0x2000
_EXTENDED_LIMITS: Final = 9
_KILLED: Final = 1
_FLAGS: Final[int] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
"""Ctrl-C in the driver's console is the driver's affair, and a worker opens no window."""


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION of winnt.h; so are the next two."""

    _fields_: Final = [  # pyright: ignore[reportIncompatibleVariableOverride]
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    ]


class _IoCounters(ctypes.Structure):
    _fields_: Final = [  # pyright: ignore[reportIncompatibleVariableOverride]
        (f"{what}{kind}Count", ctypes.c_uint64)
        for kind in ("Operation", "Transfer")
        for what in ("Read", "Write", "Other")
    ]


class _ExtendedLimits(ctypes.Structure):
    _fields_: Final = [  # pyright: ignore[reportIncompatibleVariableOverride]
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", _IoCounters),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    ]


def _kernel() -> Any:  # noqa: ANN401  ctypes makes its functions when they are asked for
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle, number, flag = wintypes.HANDLE, wintypes.DWORD, wintypes.BOOL
    types: dict[str, tuple[object, list[object]]] = {
        "CreateJobObjectW": (handle, [wintypes.LPVOID, wintypes.LPCWSTR]),
        "SetInformationJobObject": (flag, [handle, ctypes.c_int, wintypes.LPVOID, number]),
        "AssignProcessToJobObject": (flag, [handle, handle]),
        "TerminateJobObject": (flag, [handle, wintypes.UINT]),
        "CloseHandle": (flag, [handle]),
        "CreatePipe": (flag, [wintypes.PHANDLE, wintypes.PHANDLE, wintypes.LPVOID, number]),
        "PeekNamedPipe": (
            flag,
            [handle, wintypes.LPVOID, number, wintypes.LPDWORD, wintypes.LPDWORD, wintypes.LPDWORD],
        ),
    }
    # Without its type a handle would be cut to 32 bits.
    for name, (result, arguments) in types.items():
        function = getattr(kernel, name)
        function.restype, function.argtypes = result, arguments
    return kernel


_kernel32: Final = _kernel()


def _checked(result: int) -> int:
    if not result:
        raise ctypes.WinError(ctypes.get_last_error())
    return result


def wide_pipe() -> tuple[int, int]:
    """See ``pipes.py``; neither end is inherited unless it is given to a process."""
    read, write = wintypes.HANDLE(), wintypes.HANDLE()
    _checked(_kernel32.CreatePipe(ctypes.byref(read), ctypes.byref(write), None, PIPE_BYTES))
    return (
        msvcrt.open_osfhandle(read.value, os.O_RDONLY | os.O_BINARY),
        msvcrt.open_osfhandle(write.value, os.O_BINARY),
    )


def read_now(fd: int, bytes_max: int) -> bytes:
    """See ``pipes.py``."""
    there = wintypes.DWORD()
    if not _kernel32.PeekNamedPipe(
        msvcrt.get_osfhandle(fd), None, 0, None, ctypes.byref(there), None
    ):
        # Broken: the worker has ended, and everything has been read.
        return b""
    if not there.value:
        raise BlockingIOError
    return os.read(fd, min(there.value, bytes_max))


@final
class Job:
    """A process, with all that it starts from now on.

    Args:
        process: The handle of one that has started nothing yet.
    """

    def __init__(self, process: int) -> None:
        self._handle = _checked(_kernel32.CreateJobObjectW(None, None))
        limits = _ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
        try:
            _checked(
                _kernel32.SetInformationJobObject(
                    self._handle, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
                )
            )
            _checked(_kernel32.AssignProcessToJobObject(self._handle, process))
        except OSError:
            _kernel32.CloseHandle(self._handle)
            raise

    def end(self) -> None:
        """End all of them."""
        _checked(_kernel32.TerminateJobObject(self._handle, _KILLED))

    def close(self) -> None:
        """Let go of it; whoever is left in it ends."""
        _checked(_kernel32.CloseHandle(self._handle))


@final
class WindowsProcess(AbstractProcess):
    """One in a job of its own."""

    def __init__(self, popen: "subprocess.Popen[bytes]", directions: Directions, job: Job) -> None:
        super().__init__(popen, directions)
        self._lock = threading.Lock()
        self._job: Job | None = job

    def wait(self) -> int:
        """See the base class."""
        code = self.popen.wait()
        with self._lock:
            job, self._job = self._job, None
        if job is not None:
            job.close()
        return code

    def kill(self) -> None:
        """See the base class."""
        with self._lock:
            if self._job is not None:
                self._job.end()


@final
class WindowsSystem(AbstractSystem):
    """See the head of this file."""

    def __init__(self) -> None:
        self._payload = Path()

    def load(self, payload: bytes) -> None:
        """See the base class. A driver that is killed leaves the file to the system's cleaning."""
        fd, name = tempfile.mkstemp(prefix="pbtune-job-")
        self._payload = Path(name)
        with os.fdopen(fd, "wb") as file:
            file.write(payload)

    def start(
        self,
        code: str,
        environment: Mapping[str, str],
        control: socket.socket,
        stream_fd: int,
        path: tuple[str, ...],
    ) -> WindowsProcess:
        """See the base class."""
        # A virtual environment's python.exe only starts the real one, whose number and job it would
        # hide: multiprocessing goes around it in the same way.
        python = getattr(sys, "_base_executable", sys.executable)
        own = {"__PYVENV_LAUNCHER__": sys.executable} if python != sys.executable else {}
        popen = subprocess.Popen(  # noqa: S603  our own interpreter and code
            [python, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=stream_fd,
            env={**environment, **own},
            creationflags=_FLAGS,
        )
        try:
            # It waits for its directions, so nothing has been started yet that the job would miss.
            job = Job(int(popen._handle))  # noqa: SLF001  only there
        except OSError:
            popen.kill()
            popen.communicate()
            raise
        shared = control.share(popen.pid)
        return WindowsProcess(popen, Directions(path, shared, str(self._payload)), job)

    def close(self) -> None:
        """See the base class."""
        # One that didn't end in time may have it open still.
        with contextlib.suppress(OSError):
            self._payload.unlink()
