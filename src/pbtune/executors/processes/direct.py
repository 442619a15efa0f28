"""Workers that are started one by one, each a Python of its own.

For systems without fork, and those where it isn't safe: macOS's own libraries start threads. A
worker is there after some 100 ms, when it has imported what the function needs.

    driver ──Popen, Directions──► worker … worker
       ▲                             │ end
       └──Exited── a thread each ◄───┘
"""

import contextlib
import os
import socket
import threading
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
from pbtune.executors.processes.system import AbstractProcess, AbstractSystem
from pbtune.worker.protocol import framed
from pbtune.worker.template import Exited


@final
class DirectLauncher(AbstractLauncher):
    """Starts and ends worker processes itself.

    Args:
        threads: Threads that numerical libraries may use in one worker.
        system: How processes are started and ended here.
    """

    def __init__(self, threads: int, system: AbstractSystem) -> None:
        ours, self._told = socket.socketpair()
        super().__init__(ours)
        self._system = system
        self._environment = worker_environment(threads)
        self._path = tuple(search_path())
        self._processes: dict[int, AbstractProcess] = {}
        self._threads: dict[int, threading.Thread] = {}

    def load(self, payload: bytes) -> None:
        """See the base class."""
        self._system.load(payload)

    def spawn(
        self, worker: int, environment: Mapping[str, str] | None = None
    ) -> tuple[socket.socket, int]:
        """See the base class."""
        ours, theirs = _control_pair()
        read_fd, write_fd = wide_pipe()
        everything = {**self._environment, **(environment or {})}
        try:
            process = self._system.start(
                bootstrap("direct:main()"), everything, theirs, write_fd, self._path
            )
        except OSError as error:
            ours.close()
            theirs.close()
            os.close(read_fd)
            message = f"a worker process can't be started: {error.strerror or error}"
            raise EnvironmentFault(message) from error
        finally:
            os.close(write_fd)
        self._processes[worker] = process
        thread = threading.Thread(
            target=self._watch, args=(worker, process, theirs), name="pbtune-worker", daemon=True
        )
        self._threads[worker] = thread
        thread.start()
        return ours, read_fd

    def kill(self, worker: int) -> None:
        """See the base class."""
        process = self._processes.get(worker)
        if process is not None:
            process.kill()

    def close(self) -> None:
        """See the base class."""
        for process in list(self._processes.values()):
            process.kill()
        for thread in list(self._threads.values()):
            thread.join(CLOSE_S)
        self.control.close()
        self._told.close()
        self._system.close()

    def _watch(self, worker: int, process: AbstractProcess, theirs: socket.socket) -> None:
        """Tell the loop of one process's end: only a thread can wait for it on every system."""
        process.direct()
        # Windows keeps a socket alive by its handles alone, and the worker has its own by now or
        # is dead: it needs this one until then.
        code = process.wait()
        theirs.close()
        del self._processes[worker], self._threads[worker]
        # Nobody listens any more if this process took longer to end than a run waits.
        with contextlib.suppress(OSError):
            self._told.sendall(framed(Exited(worker, code)))


def _control_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a control socket; where it is a loopback connection, orders leave at once."""
    pair = socket.socketpair()
    for end in pair:
        if end.family == socket.AF_INET:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return pair
