"""The cluster as a run sees it: which nodes there are, and where their actors find the driver."""

import contextlib
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from pbtune.errors import EnvironmentFault
from pbtune.executors.ray import library
from pbtune.executors.ray.cluster import nodes, own_address
from pbtune.executors.ray.deaths import is_unborn
from pbtune.executors.ray.door import LOOPBACK, Door
from pbtune.executors.ray.handshake import Introduction, Place

NODES_S: Final = 1.0
"""How often the nodes are looked at."""


@final
class Reception:
    """Looks after a run's door, and after the nodes.

    Args:
        run_dir: The run's folder.
        tell: Told of actors that have dialled, and of the list of nodes when it changes; called on
            other threads.

    Attributes:
        nodes: Those that are alive.
    """

    def __init__(self, run_dir: Path, tell: Callable[[object], None]) -> None:
        self.nodes = nodes()
        self._run_dir = run_dir
        self._marker = f".shared-{secrets.token_hex(8)}"
        (run_dir / self._marker).touch(mode=0o600)
        self._tell = tell
        self._door = Door(tell)
        self._open_doors()
        self._is_over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="pbtune-nodes", daemon=True)
        self._watcher.start()

    def _open_doors(self) -> None:
        """Listen on this machine alone, unless a node is another's."""
        own = own_address(self.nodes)
        is_local = all(node.address == own for node in self.nodes)
        host = LOOPBACK if is_local else own
        try:
            self._door.open_at(host)
        except OSError as error:
            message = (
                f"the driver can't listen on {host}, the address that Ray knows this machine by"
                f" ({error}): actors on other nodes couldn't reach it"
            )
            raise EnvironmentFault(message) from error

    def place(self, worker: int) -> Place:
        """Where the run and its driver are, for one actor."""
        door = self._door
        return Place(
            str(self._run_dir), self._marker, door.socket_path, door.addresses, door.key, worker
        )

    def _watch(self) -> None:
        """Look for nodes that came or went, on a thread of its own: it is a remote call."""
        while not self._is_over.wait(NODES_S):
            with contextlib.suppress(library.ray().exceptions.RayError, RuntimeError):
                found = nodes()
                if found != self.nodes:
                    self.nodes = found
                    with contextlib.suppress(EnvironmentFault):
                        self._open_doors()
                    self._tell(found)

    def is_lost(self, who: Introduction | None, error: BaseException) -> bool:
        """Whether an actor's node went, rather than its process: no fault of the trial's."""
        exceptions = library.ray().exceptions
        if isinstance(error, exceptions.ActorUnavailableError) or is_unborn(error):
            return True
        if getattr(error, "preempted", False) or "node has died" in str(error):
            return True
        return who is not None and who.node not in {node.id for node in self.nodes}

    def close(self) -> None:
        """Let nobody in any more."""
        self._is_over.set()
        self._door.close()
        self._watcher.join()
        (self._run_dir / self._marker).unlink(missing_ok=True)
