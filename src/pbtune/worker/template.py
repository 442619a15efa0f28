"""The template: a process that has imported what the function needs, and forks workers.

It does nothing else: it imports no GPU library by itself, runs no user code, and holds no state of
the run. When the driver is gone, it ends every worker with all its children.

Started as ``python -I -c``, so that a file in the working directory can't shadow the standard
library; the driver's ``sys.path`` comes with the first message.
"""

import contextlib
import ctypes
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from mmap import mmap
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.worker.attempt import numpy_random
from pbtune.worker.payload import mapped
from pbtune.worker.process import work
from pbtune.worker.protocol import framed, unframed

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
_READ_BYTES: Final = 1 << 20
_STRAY_LOOKS: Final = 1000


class Prepare(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Import what the function needs, so that workers are forked with it."""

    path: tuple[str, ...]
    modules: tuple[str, ...]
    cwd: str


class Load(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The job that every worker gets; an open file with it comes with the message."""


class Spawn(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Make a worker; its control socket and stream pipe come with the message."""

    worker: int
    environment: dict[str, str] = {}


class Kill(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """End a worker and all its children."""

    worker: int


class Exited(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """A worker's process has ended; ``exit_code`` as subprocess has it: negative for a signal."""

    worker: int
    exit_code: int


class Spawned(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """A worker's process exists."""

    worker: int
    pid: int


Instruction = Prepare | Load | Spawn | Kill
decode_instruction: Final = msgspec.msgpack.Decoder(Instruction).decode
decode_answer: Final = msgspec.msgpack.Decoder(Exited | Spawned).decode


def main(control_fd: int) -> None:
    """Serve a driver until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    template = Template(socket.socket(fileno=control_fd))
    try:
        template.serve()
    finally:
        template.kill_all()
    os._exit(0)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


@final
class Template:
    """Forks workers on request, and tells of their deaths."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._pid = os.getpid()
        self._pids: dict[int, int] = {}
        self._payload_fd = -1
        self._payload: mmap | None = None
        self._can_fork = sys.platform == "linux"
        self._buffer = bytearray()
        self._fds: list[int] = []
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def serve(self) -> None:
        """Until the driver closes its end."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._receive():
                return

    def kill_all(self) -> None:
        """End every worker with its children."""
        for pid in self._pids.values():
            _kill_group(pid)
        self._pids.clear()
        # What a dying worker leaves behind becomes a child of this process: take several looks.
        for _ in range(_STRAY_LOOKS):
            self._kill_strays()
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def _receive(self) -> bool:
        data, fds, _flags, _address = socket.recv_fds(self._control, _READ_BYTES, 64)
        self._fds += fds
        if not data:
            return False
        self._buffer += data
        for body in unframed(self._buffer):
            self._handle(decode_instruction(body))
        return True

    def _handle(self, instruction: Instruction) -> None:
        match instruction:
            case Prepare():
                self._prepare(instruction)
            case Load():
                self._payload_fd = self._fds.pop(0)
                self._payload = mapped(self._payload_fd)
            case Spawn():
                control_fd, stream_fd = self._fds[:2]
                del self._fds[:2]
                self._spawn(instruction, control_fd, stream_fd)
            case Kill(worker=worker):
                if worker in self._pids:
                    _kill_group(self._pids[worker])

    def _prepare(self, prepare: Prepare) -> None:
        sys.path[:] = prepare.path
        with contextlib.suppress(OSError):
            os.chdir(prepare.cwd)
        for module in prepare.modules:
            # A module that can't be imported here fails in the worker, where the user sees it.
            with contextlib.suppress(BaseException):
                importlib.import_module(module)
        # Each attempt seeds numpy's generator, and numpy loads it only when it is asked for.
        with contextlib.suppress(BaseException):
            numpy_random()
        # A forked copy of a process with threads may inherit a lock that nobody will release.
        if self._can_fork and len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
            self._can_fork = False

    def _spawn(self, spawn: Spawn, control_fd: int, stream_fd: int) -> None:
        if self._can_fork and self._payload is not None:
            pid = os.fork()
            if pid == 0:
                os.environ.update(spawn.environment)
                self._become_worker(control_fd, stream_fd, self._payload)
        else:
            pid = self._launch(spawn, control_fd, stream_fd)
        self._pids[spawn.worker] = pid
        os.close(control_fd)
        os.close(stream_fd)
        self._answer(Spawned(spawn.worker, pid))

    def _become_worker(self, control_fd: int, stream_fd: int, payload: mmap) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            # The signal is for deaths from now on; the template may have died just before.
            if os.getppid() != self._pid:
                os._exit(1)
            self._control.close()
            work(socket.socket(fileno=control_fd), stream_fd, payload)
            code = 0
        # A process boundary: nothing may return into the template's loop, and what went wrong
        # must be seen.
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(code)

    def _launch(self, spawn: Spawn, control_fd: int, stream_fd: int) -> int:
        """A fresh process, where forking this one wouldn't be safe."""
        fds = (control_fd, stream_fd, self._payload_fd)
        arguments = (list(sys.path), *fds)
        package_dir = str(Path(__file__).parents[2])
        code = (
            f"import sys; sys.path.insert(0, {package_dir!r});"
            f" from pbtune.worker.template import fresh_worker; fresh_worker(*{arguments!r})"
        )
        import subprocess  # noqa: PLC0415  3 ms that a process which forks never needs

        process = subprocess.Popen(  # noqa: S603  our own interpreter and code
            [sys.executable, "-I", "-c", code],
            pass_fds=fds,
            env={**os.environ, **spawn.environment},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        pid = process.pid
        # Reaped by our own waitpid; Popen must not warn about it.
        process.returncode = 0
        return pid

    def _reap(self) -> None:
        workers = {pid: worker for worker, pid in self._pids.items()}
        while True:
            try:
                # Left unreaped until its group is killed, so that the number can't be reused.
                gone = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if gone is None:
                return
            worker = workers.get(gone.si_pid)
            if worker is not None:
                _kill_group(gone.si_pid)
            _, status = os.waitpid(gone.si_pid, 0)
            if worker is not None:
                del self._pids[worker]
                self._kill_strays()
                self._answer(Exited(worker, os.waitstatus_to_exitcode(status)))

    def _kill_strays(self) -> None:
        """End processes that left their worker's group and were inherited when it died."""
        known = set(self._pids.values())
        for pid in _own_children():
            if pid not in known:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _answer(self, message: Exited | Spawned) -> None:
        # A driver that is gone is noticed by the next read.
        with contextlib.suppress(ConnectionError):
            self._control.sendall(framed(message))


def fresh_worker(path: list[str], control_fd: int, stream_fd: int, payload_fd: int) -> None:
    """Become a worker in a process of its own, with the payload in an open file."""
    sys.path[:] = path
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    payload = mapped(payload_fd)
    os.close(payload_fd)
    work(socket.socket(fileno=control_fd), stream_fd, payload)


def _own_children() -> list[int]:
    """The children of this process, inherited ones too; empty where the system can't tell."""
    pid = os.getpid()
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
