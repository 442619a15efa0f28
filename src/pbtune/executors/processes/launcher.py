"""Starts the template process, and finds out what it should import beforehand."""

import array
import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, final

from pbtune.errors import EnvironmentFault
from pbtune.worker.payload import memory_file
from pbtune.worker.protocol import framed, unframed
from pbtune.worker.template import (
    Exited,
    Kill,
    Load,
    Prepare,
    Spawn,
    Spawned,
    decode_answer,
)

PIPE_BYTES: Final = 1 << 20
"""Room for streamed reports between two looks: about 5,000 of five metrics."""
_F_SETPIPE_SZ: Final = 1031
_THREAD_SETTINGS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_MODULES_MAX: Final = 200
_CLOSE_S: Final = 5.0


@final
class Launcher:
    """A running template, from the driver's side.

    Args:
        modules: What the template imports before it forks.
        threads: Threads that numerical libraries may use in one worker. Importing numpy alone
            starts some otherwise, and a process with threads can't be forked safely.
    """

    def __init__(self, modules: tuple[str, ...], threads: int) -> None:
        self.control, theirs = socket.socketpair()
        environment = dict(os.environ)
        for name in _THREAD_SETTINGS:
            environment.setdefault(name, str(threads))
        # Isolated, and what pbtune needs may be known to this interpreter by PYTHONPATH only.
        package_dir = str(Path(__file__).parents[3])
        code = (
            f"import sys; sys.path.insert(0, {package_dir!r}); sys.path += {_library_dirs()!r};"
            f" from pbtune.worker.template import main; main({theirs.fileno()})"
        )
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and code
            [sys.executable, "-I", "-c", code],
            pass_fds=(theirs.fileno(),),
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._buffer = bytearray()
        self._send(Prepare(tuple(_search_path()), modules, os.getcwd()))  # noqa: PTH109

    def load(self, payload: bytes) -> None:
        """Give the job that every worker gets, however large: it travels as an open file."""
        with memory_file() as file, contextlib.suppress(ConnectionError):
            file.write(payload)
            file.flush()
            socket.send_fds(self.control, [framed(Load())], [file.fileno()])

    def spawn(
        self, worker: int, environment: Mapping[str, str] | None = None
    ) -> tuple[socket.socket, int]:
        """Ask for a worker.

        Args:
            worker: Its number.
            environment: What is set in its environment, besides this process's.

        Returns:
            The driver's ends of its control socket and of its stream pipe.
        """
        ours, theirs = socket.socketpair()
        read_fd, write_fd = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(read_fd, _F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(read_fd, False)
        fds = array.array("i", [theirs.fileno(), write_fd])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
        try:
            self.control.sendmsg([framed(Spawn(worker, dict(environment or {})))], ancillary)
        except ConnectionError as error:
            ours.close()
            os.close(read_fd)
            message = "the process that starts workers has died; see its output above"
            raise EnvironmentFault(message) from error
        finally:
            theirs.close()
            os.close(write_fd)
        return ours, read_fd

    def kill(self, worker: int) -> None:
        """End a worker and its children; its ``Exited`` follows."""
        self._send(Kill(worker))

    def answers(self) -> list[Exited | Spawned] | None:
        """What the template has said; None when it is gone, and its workers with it."""
        try:
            data = self.control.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionError:
            return None
        if not data:
            return None
        self._buffer += data
        return [decode_answer(body) for body in unframed(self._buffer)]

    def close(self) -> None:
        """The template ends every worker, and itself."""
        try:
            # Its end of file comes the moment it ends; subprocess could only look now and then.
            self.control.shutdown(socket.SHUT_WR)
            self.control.settimeout(_CLOSE_S)
            while self.control.recv(1 << 16):
                pass
        except OSError:
            # Gone already, or late: the wait below tells.
            pass
        finally:
            self.control.close()
        try:
            self._process.wait(timeout=_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Prepare | Kill) -> None:
        # A template that is gone is learned of by reading from it.
        with contextlib.suppress(ConnectionError):
            self.control.sendall(framed(message))


def _search_path() -> Iterator[str]:
    """The driver's ``sys.path``; "" means the directory it was started in."""
    for entry in sys.path:
        yield entry or os.getcwd()  # noqa: PTH109


def _library_dirs() -> list[str]:
    """Where this interpreter found what pbtune itself imports."""
    import msgspec  # noqa: PLC0415  only its place is asked for

    return [str(Path(msgspec.__file__).parents[1])]


def needed_modules(function: object) -> tuple[str, ...]:
    """The modules that a function's code names: importing them early makes workers start fast.

    It follows globals, closures and the functions of the same module, and sees ``np.random`` as
    ``numpy.random``. Missing one costs time, not correctness.
    """
    found: dict[str, None] = {}
    seen: set[int] = set()
    queue = [function]
    while queue and len(found) < _MODULES_MAX:
        current = queue.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, types.ModuleType):
            found[current.__name__] = None
            continue
        inner = getattr(current, "__wrapped__", None) or getattr(current, "func", None)
        if inner is not None:
            queue.append(inner)
        if isinstance(current, types.MethodType):
            queue.append(current.__func__)
        if isinstance(current, types.FunctionType):
            queue += _named_by(current, found)
        elif isinstance(current, type):
            queue += _methods_and_bases(current, found)
        else:
            module = getattr(current, "__module__", None)
            if isinstance(module, str) and module in sys.modules:
                found[module] = None
    found.pop("__main__", None)
    return tuple(name for name in found if name in sys.modules)


def _methods_and_bases(klass: type, found: dict[str, None]) -> list[object]:
    module = klass.__module__
    if module != "__main__":
        found[module] = None
        return [*klass.__bases__]
    # Only what travels by value is unpickled without an import of its module.
    members = (getattr(it, "__func__", it) for it in vars(klass).values())
    methods = [it for it in members if isinstance(it, types.FunctionType)]
    return [*methods, *klass.__bases__]


def _named_by(function: types.FunctionType, found: dict[str, None]) -> list[object]:
    if function.__module__ != "__main__":
        found[function.__module__] = None
    names = _names(function.__code__)
    values = [function.__globals__[name] for name in names if name in function.__globals__]
    for cell in function.__closure__ or ():
        # An empty cell belongs to a name that is defined later.
        with contextlib.suppress(ValueError):
            values.append(cell.cell_contents)
    for value in values:
        if isinstance(value, types.ModuleType):
            for name in names:
                if f"{value.__name__}.{name}" in sys.modules:
                    found[f"{value.__name__}.{name}"] = None
    return [
        item for item in values if isinstance(item, (types.ModuleType, types.FunctionType, type))
    ]


def _names(code: types.CodeType) -> list[str]:
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names(constant)
    return names
