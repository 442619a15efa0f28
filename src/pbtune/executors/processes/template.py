"""The template process from the driver's side: workers are forked from it."""

import array
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import final

from pbtune.errors import EnvironmentFault
from pbtune.executors.pipes import wide_pipe
from pbtune.executors.processes.launcher import (
    CLOSE_S,
    AbstractLauncher,
    bootstrap,
    search_path,
    worker_environment,
)
from pbtune.worker.payload import memory_file
from pbtune.worker.protocol import framed
from pbtune.worker.template import Kill, Load, Prepare, Spawn


@final
class TemplateLauncher(AbstractLauncher):
    """A running template. Linux only: elsewhere forking isn't safe, or isn't there.

    Args:
        modules: What the template imports before it forks.
        threads: Threads that numerical libraries may use in one worker. Importing numpy alone
            starts some otherwise, and a process with threads can't be forked safely.
    """

    def __init__(self, modules: tuple[str, ...], threads: int) -> None:
        ours, theirs = socket.socketpair()
        super().__init__(ours)
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and code
            [sys.executable, "-I", "-c", bootstrap(f"template:main({theirs.fileno()})")],
            pass_fds=(theirs.fileno(),),
            env=worker_environment(threads),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._send(Prepare(tuple(search_path()), modules, os.getcwd()))  # noqa: PTH109

    def load(self, payload: bytes) -> None:
        """See the base class; it travels as an open file."""
        with memory_file() as file, contextlib.suppress(ConnectionError):
            file.write(payload)
            file.flush()
            socket.send_fds(self.control, [framed(Load())], [file.fileno()])

    def spawn(
        self, worker: int, environment: Mapping[str, str] | None = None
    ) -> tuple[socket.socket, int]:
        """See the base class."""
        ours, theirs = socket.socketpair()
        read_fd, write_fd = wide_pipe()
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
        """See the base class."""
        self._send(Kill(worker))

    def close(self) -> None:
        """The template ends every worker, and itself."""
        try:
            # Its end of file comes the moment it ends; subprocess could only look now and then.
            self.control.shutdown(socket.SHUT_WR)
            self.control.settimeout(CLOSE_S)
            while self.control.recv(1 << 16):
                pass
        except OSError:
            # Gone already, or late: the wait below tells.
            pass
        finally:
            self.control.close()
        try:
            self._process.wait(timeout=CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Prepare | Kill) -> None:
        # A template that is gone is learned of by reading from it.
        with contextlib.suppress(ConnectionError):
            self.control.sendall(framed(message))
