"""Checkpoints between machines that share no folder: through Ray's object store.

    actor:  commit in a folder of its own ──parcel──► Ray ──► driver: the run's folder, the loop
    driver: the run's folder ──parcel──► Ray ──► actor, beside the order that begins from it

A checkpoint counts when it is whole in the driver's folder: a report that names one is given to the
loop after that. So what a node held when it was lost was never counted.
"""

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

_TEMPORARY: Final = ".tmp-carried-"


class Answer(msgspec.Struct, frozen=True):
    """What came back from an actor: what it said, or why it can't be asked any more."""

    worker: int
    kind: str
    value: Any = None
    error: BaseException | None = None


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
        arrived: Told of an answer when all checkpoints that came with it are in their places.
    """

    def __init__(self, run_dir: Path, arrived: Callable[[Answer], None]) -> None:
        self._run_dir = run_dir
        self._arrived = arrived
        self._queue: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self._placing = threading.Lock()
        self._barred: set[int] = set()
        self._thread: threading.Thread | None = None

    def carry(self, answer: Answer) -> None:
        """Take an answer; one that brings nothing goes on at once, behind those that do."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pbtune-weights", daemon=True)
            self._thread.start()
        self._queue.put(answer)

    def bar(self, worker: int) -> None:
        """Place nothing more of an actor that was given up: its names may be given again."""
        with self._placing:
            self._barred.add(worker)

    def close(self) -> None:
        """Bring what is on its way, and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        ray = library.ray()
        while (answer := self._queue.get()) is not None:
            _, references = answer.value
            try:
                for name, reference in references.items():
                    self._place(answer.worker, name, ray.get(reference))
            except (ray.exceptions.RayError, OSError) as error:
                # Lost with its node, or the disk is full: the attempt goes on from what is here.
                self._arrived(msgspec.structs.replace(answer, value=None, error=error))
            else:
                self._arrived(answer)

    def _place(self, worker: int, name: str, parcel: bytes) -> None:
        with self._placing:
            if worker not in self._barred:
                path = self._run_dir / name
                path.parent.mkdir(mode=0o700, exist_ok=True)
                write_tree(parcel, path)


@final
class Parcels:
    """An actor's end: what it has to send, and what was sent to it."""

    def __init__(self) -> None:
        self._store: CarriedStore | None = None
        self._brought: dict[str, Any] = {}

    def store(self, local: LocalStore) -> AbstractCheckpointStore:
        """The store of an actor that doesn't see the run's folder."""
        self._store = CarriedStore(local)
        return self._store

    def bring(self, name: str, reference: object) -> None:
        """A checkpoint that an order needs; fetched when the order is carried out."""
        self._brought[name] = reference

    def taken(self) -> dict[str, Any]:
        """References to what was committed since the last time."""
        return {} if self._store is None else self._store.taken()

    def unpack(self, checkpoint: str | None) -> None:
        """Have this checkpoint here, and no other: an attempt begins."""
        if self._store is None:
            return
        brought, self._brought = self._brought, {}
        self._store.keep_only(checkpoint)
        if checkpoint is None or self._store.path_of(checkpoint).is_dir():
            return
        path = self._store.path_of(checkpoint)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_tree(library.ray().get(brought[checkpoint]), path)


@final
class CarriedStore(AbstractCheckpointStore):
    """Commits on the actor's own disk, and keeps a parcel of each commit for the driver.

    Args:
        local: The store in the actor's own folder.
    """

    def __init__(self, local: LocalStore) -> None:
        self._local = local
        self._parcels: dict[str, Any] = {}

    def taken(self) -> dict[str, Any]:
        """References to the parcels that haven't been taken."""
        names = list(self._parcels)
        return {name: self._parcels.pop(name) for name in names}

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
