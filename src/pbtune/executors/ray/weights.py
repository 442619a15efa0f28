"""Checkpoints between machines that share no folder: through Ray's object store.

    actor:  commit in a folder of its own ──parcel──► Ray ──► driver: the run's folder ─► the loop
    driver: the run's folder ──parcel──► Ray ──► actor, beside the order that begins from it

A checkpoint counts when it is whole in the driver's folder: a report that names one is given to the
loop after that. So what a node held when it was lost was never counted.
"""

import errno
import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, final

import msgspec

from pbtune.checkpoints.copying import remove_tree
from pbtune.checkpoints.store import AbstractCheckpointStore, Committed, LocalStore
from pbtune.errors import EngineBug
from pbtune.executors.ray import library
from pbtune.worker.protocol import Asked, Streamed, decode_said

_TEMPORARY: Final = ".tmp-carried-"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_RETRY_S: Final = 1.0


class Carried(msgspec.Struct, frozen=True):
    """What an actor said, with every checkpoint that it names in its place; or what went wrong."""

    worker: int
    bodies: tuple[bytes, ...] = ()
    error: BaseException | None = None


class Cargo(msgspec.Struct, frozen=True):
    """What an actor said, on its way; ``fetch`` brings a parcel by its checkpoint's name."""

    worker: int
    bodies: tuple[bytes, ...]
    fetch: Callable[[str], bytes]


class File(msgspec.Struct, frozen=True, array_like=True):
    """One file of a checkpoint: its name below the checkpoint's folder, its mode and its bytes."""

    name: str
    mode: int
    body: bytes


_decode = msgspec.msgpack.Decoder(list[File]).decode


def read_tree(path: Path) -> bytes:
    """A directory as one parcel."""
    files = [
        File(it.relative_to(path).as_posix(), it.stat().st_mode & 0o777, it.read_bytes())
        for it in sorted(path.rglob("*"))
        if it.is_file()
    ]
    return msgspec.msgpack.encode(files)


def write_tree(parcel: bytes, path: Path) -> None:
    """Unpack a parcel into a directory that doesn't exist yet: whole, or not at all.

    Raises:
        EngineBug: If a name in it leads out of the directory.
    """
    temporary = path.with_name(f"{_TEMPORARY}{path.name}")
    remove_tree(str(temporary))
    temporary.mkdir(mode=0o700, parents=True)
    for file in _decode(parcel):
        target = temporary / file.name
        if ".." in Path(file.name).parts or Path(file.name).is_absolute():
            what = f"a checkpoint came with a file called {file.name!r}"
            raise EngineBug(what)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.body)
        target.chmod(file.mode | 0o400)
    temporary.rename(path)


def free_number(run_dir: Path, trial: str, number: int) -> int:
    """The first number, from ``number`` on, behind every checkpoint in the driver's folder.

    What a lost attempt sent, and no record names, keeps its name until it is swept.
    """
    taken = [
        int(it.name.rpartition("_")[2])
        for it in (run_dir / trial).glob("checkpoint_*")
        if it.name.rpartition("_")[2].isdigit()
    ]
    return max([number, *(it + 1 for it in taken)])


@final
class Carrier:
    """The driver's end: brings what actors committed into the run's folder, on a thread.

    Args:
        run_dir: The run's folder.
        arrived: Told of what was said, when all checkpoints that it names are in their places.
    """

    def __init__(self, run_dir: Path, arrived: Callable[[Carried], None]) -> None:
        self._run_dir = run_dir
        self._arrived = arrived
        self._queue: queue.SimpleQueue[Cargo | None] = queue.SimpleQueue()
        self._placing = threading.Lock()
        self._barred: set[int] = set()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def carry(self, cargo: Cargo) -> None:
        """Take what an actor said; its turn comes behind all that was said before."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pbtune-weights", daemon=True)
            self._thread.start()
        self._queue.put(cargo)

    def bar(self, worker: int) -> None:
        """Place nothing more of an actor that was given up: its names may be given again."""
        with self._placing:
            self._barred.add(worker)

    def close(self) -> None:
        """Bring what is on its way, and end the thread; a full disk is not waited for any more."""
        self._is_over.set()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (cargo := self._queue.get()) is not None:
            try:
                for name in named(cargo.bodies):
                    self._place(cargo.worker, name, cargo.fetch(name))
            except (library.ray().exceptions.RayError, OSError) as error:  # noqa: PERF203  one that fails must not keep the others
                # Lost with its node: the attempt goes on from what is here.
                self._arrived(Carried(cargo.worker, (), error))
            else:
                self._arrived(Carried(cargo.worker, cargo.bodies))

    def _place(self, worker: int, name: str, parcel: bytes) -> None:
        path = self._run_dir / name
        while True:
            with self._placing:
                if worker in self._barred:
                    return
                try:
                    path.parent.mkdir(mode=0o700, exist_ok=True)
                    write_tree(parcel, path)
                except OSError as error:
                    if error.errno not in _FULL or self._is_over.is_set():
                        raise
                else:
                    return
            # The disk is full: the trial waits, as where it writes itself.
            self._is_over.wait(_FULL_RETRY_S)


def named(bodies: Iterable[bytes]) -> list[str]:
    """The checkpoints that are named in these frames."""
    said = [decode_said(body) for body in bodies]
    found = [it.checkpoint for it in said if isinstance(it, (Streamed, Asked))]
    return [it.id for it in found if it is not None]


@final
class Parcels:
    """An actor's end: what it has to send, and what was sent to it."""

    def __init__(self) -> None:
        self._store: CarriedStore | None = None
        self._brought: dict[str, list[bytes]] = {}
        self._has_come = threading.Condition()

    def store(self, local: LocalStore) -> AbstractCheckpointStore:
        """The store of an actor that doesn't see the run's folder."""
        self._store = CarriedStore(local)
        return self._store

    def bring(self, name: str, parcel: bytes) -> None:
        """A checkpoint that an order needs; it comes beside the order, sooner or later."""
        with self._has_come:
            self._brought.setdefault(name, []).append(parcel)
            self._has_come.notify_all()

    def taken(self, name: str) -> Any:  # noqa: ANN401  a reference of Ray's
        """A reference to a parcel that was committed.

        Raises:
            KeyError: If there is none: nobody asks twice.
        """
        if self._store is None:
            raise KeyError(name)
        return self._store.taken(name)

    def unpack(self, checkpoint: str | None) -> None:
        """Have this checkpoint here, and no other: an attempt begins."""
        if self._store is None:
            return
        self._store.keep_only(checkpoint)
        if checkpoint is None:
            return
        with self._has_come:
            # One for each order that names it, also where a copy is here already.
            self._has_come.wait_for(lambda: self._brought.get(checkpoint))
            parcel = self._brought[checkpoint].pop()
        path = self._store.path_of(checkpoint)
        if not path.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_tree(parcel, path)


@final
class CarriedStore(AbstractCheckpointStore):
    """Commits on the actor's own disk, and keeps a parcel of each commit for the driver.

    Args:
        local: The store in the actor's own folder.
    """

    def __init__(self, local: LocalStore) -> None:
        self._local = local
        self._parcels: dict[str, Any] = {}

    def taken(self, name: str) -> Any:  # noqa: ANN401  a reference of Ray's
        """A reference to a parcel that hasn't been taken."""
        return self._parcels.pop(name)

    def keep_only(self, checkpoint: str | None) -> None:
        """Delete the others: the driver has them."""
        self._local.sweep([] if checkpoint is None else [checkpoint])

    def commit_directory(self, trial: str, source: Path, number: int) -> Committed:
        """See the base class."""
        return self._sent(self._local.commit_directory(trial, source, number))

    def stage(self, trial: str) -> Path:
        """See the base class."""
        return self._local.stage(trial)

    def commit_staged(self, trial: str, staged: Path, number: int) -> Committed:
        """See the base class."""
        return self._sent(self._local.commit_staged(trial, staged, number))

    def _sent(self, committed: Committed) -> Committed:
        parcel = read_tree(self._local.path_of(committed.id))
        self._parcels[committed.id] = library.ray().put(parcel)
        return committed

    def discard(self, staged: Path) -> None:
        """See the base class."""
        self._local.discard(staged)

    def path_of(self, checkpoint: str) -> Path:
        """See the base class."""
        return self._local.path_of(checkpoint)

    def verify(self, committed: Committed) -> str | None:
        """See the base class."""
        return self._local.verify(committed)

    def delete(self, checkpoint: str) -> None:
        """See the base class."""
        self._local.delete(checkpoint)

    def sweep(self, known: Iterable[str]) -> list[str]:
        """See the base class."""
        return self._local.sweep(known)
