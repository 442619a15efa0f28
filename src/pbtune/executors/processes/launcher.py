"""What a launcher is: it makes worker processes, ends them, and tells of their deaths."""

import os
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pbtune.worker.protocol import unframed
from pbtune.worker.template import Exited, Spawned, decode_answer
from pbtune.worker.waiting import receiver

CLOSE_S: Final = 5.0
"""How long processes that were killed may take to be gone."""
_ANSWER_BYTES: Final = 1 << 16
_THREAD_SETTINGS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class AbstractLauncher(ABC):
    """Makes worker processes of one job.

    Attributes:
        control: Can be read when there are ``answers``.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self._buffer = bytearray()
        self._receive = receiver(control, _ANSWER_BYTES)

    @abstractmethod
    def load(self, payload: bytes) -> None:
        """Take the job that every worker gets, however large. Once, before the first ``spawn``."""

    @abstractmethod
    def spawn(
        self, worker: int, environment: Mapping[str, str] | None = None
    ) -> tuple[socket.socket, int]:
        """Make a worker.

        Args:
            worker: Its number, never used before.
            environment: What is set in its environment, besides this process's.

        Returns:
            The driver's ends of its control socket and of its stream pipe.

        Raises:
            EnvironmentFault: If it can't be made.
        """

    @abstractmethod
    def kill(self, worker: int) -> None:
        """End a worker and its children; its ``Exited`` follows."""

    @abstractmethod
    def close(self) -> None:
        """End every worker, and what belongs to the launcher itself."""

    def answers(self) -> list[Exited | Spawned] | None:
        """What has happened to workers; None when the launcher is gone, and they with it."""
        try:
            data = self._receive()
        except BlockingIOError:
            return []
        except ConnectionError:
            return None
        if not data:
            return None
        self._buffer += data
        return [decode_answer(body) for body in unframed(self._buffer)]


def worker_environment(threads: int) -> dict[str, str]:
    """This process's environment, with a bound on the threads of numerical libraries.

    Args:
        threads: That one worker's libraries may use, where the user didn't say.
    """
    environment = dict(os.environ)
    for name in _THREAD_SETTINGS:
        environment.setdefault(name, str(threads))
    return environment


def search_path() -> list[str]:
    """This process's ``sys.path``; "" means the directory it was started in."""
    return [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109


def bootstrap(call: str) -> str:
    """Code for ``python -I -c`` that imports and calls something of pbtune's.

    Isolated, and what pbtune needs may be known to this interpreter by PYTHONPATH only.

    Args:
        call: "module:function(arguments)", the module below ``pbtune.worker``.
    """
    import msgspec  # noqa: PLC0415  only its place is asked for

    module, _, expression = call.partition(":")
    library_dirs = [str(Path(msgspec.__file__).parents[1])]
    package_dir = str(Path(__file__).parents[3])
    function = expression.partition("(")[0]
    return (
        f"import sys; sys.path.insert(0, {package_dir!r}); sys.path += {library_dirs!r};"
        f" from pbtune.worker.{module} import {function}; {expression}"
    )
