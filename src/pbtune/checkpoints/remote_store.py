"""Checkpoints at a URL: any file system that fsspec knows, with a local cache.

    cache: <run>/<trial>/checkpoint_000010/   ──files──►  <url>/<trial>/checkpoint_000010/…
                                              ──last───►  <url>/<trial>/checkpoint_000010.json

An object store has no rename. The manifest comes last and names every file, so a checkpoint without
one doesn't exist; and it goes first when the checkpoint is deleted.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.checkpoints.copying import measure
from pbtune.checkpoints.remote import Remote
from pbtune.checkpoints.store import AbstractCheckpointStore, Committed, LocalStore
from pbtune.errors import CheckpointMissing

_PREFIX: Final = "checkpoint_"
_MANIFEST: Final = ".json"


class Manifest(msgspec.Struct, frozen=True):
    """A checkpoint at its destination: what was committed, and each file with its size."""

    committed: Committed
    files: dict[str, int]


_decode = msgspec.json.Decoder(Manifest).decode


@final
class FsspecStore(AbstractCheckpointStore):
    """Checkpoints at a URL, with copies in a local folder.

    Args:
        remote: The run's folder at its destination.
        cache_dir: The local folder.

    Attributes:
        guard: Called before anything is deleted; raises if that isn't for this process to do.
    """

    def __init__(self, remote: Remote, cache_dir: Path) -> None:
        self._remote = remote
        self._cache_dir = cache_dir
        self._local = LocalStore(cache_dir)
        self._is_deferred = False
        self._last: dict[str, int] = {}
        self.guard: Callable[[], None] = _permitted

    def commit_directory(self, trial: str, source: Path, number: int) -> Committed:
        """See the base class. Returns when the checkpoint is whole at its destination."""
        number = self._free_number(trial, number)
        return self._sent(self._local.commit_directory(trial, source, number))

    def stage(self, trial: str) -> Path:
        """See the base class."""
        return self._local.stage(trial)

    def commit_staged(self, trial: str, staged: Path, number: int) -> Committed:
        """See the base class. Returns when the checkpoint is whole at its destination."""
        number = self._free_number(trial, number)
        return self._sent(self._local.commit_staged(trial, staged, number))

    def defer(self) -> None:
        """From now on commits are only in the cache, and ``upload`` makes them whole."""
        self._is_deferred = True

    def forget_numbers(self) -> None:
        """An attempt begins: others may have written checkpoints of the same trial meanwhile."""
        self._last.clear()

    def _sent(self, committed: Committed) -> Committed:
        self._last[committed.id.rpartition("/")[0]] = committed.number
        if not self._is_deferred:
            self.upload(committed)
        return committed

    def _free_number(self, trial: str, number: int) -> int:
        """Behind all that is at the destination: other machines have caches of their own.

        Right behind a checkpoint of its own, within one attempt, a worker needn't look.
        """
        if self._last.get(trial) == number - 1:
            return number
        stems = {name.removesuffix(_MANIFEST) for name in self._remote.names(trial)}
        digits = [stem.removeprefix(_PREFIX) for stem in stems if stem.startswith(_PREFIX)]
        return max([number, *(int(it) + 1 for it in digits if it.isdigit())])

    def upload(self, committed: Committed) -> None:
        """Make a checkpoint that is in the cache whole at its destination.

        Raises:
            OSError: If that can't be, however often it is tried; it is in the cache no more.
        """
        folder = self._local.path_of(committed.id)
        files = {
            path.relative_to(folder).as_posix(): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        try:
            self._remote.upload({f"{folder}/{name}": f"{committed.id}/{name}" for name in files})
            manifest = msgspec.json.encode(Manifest(committed, files))
            self._remote.write(f"{committed.id}{_MANIFEST}", manifest)
        except BaseException:
            # What is there without a manifest is no checkpoint; a sweep finds it.
            self._local.delete(committed.id)
            raise

    def discard(self, staged: Path) -> None:
        """See the base class."""
        self._local.discard(staged)

    def path_of(self, checkpoint: str) -> Path:
        """See the base class. Fetches what isn't in the cache.

        Raises:
            CheckpointMissing: If it isn't at its destination, or not as it was committed.
        """
        path = self._local.path_of(checkpoint)
        if path.is_dir():
            return path
        manifest = self._manifest(checkpoint)
        if manifest is None:
            message = f"{checkpoint} is not at {self._remote.url}"
            raise CheckpointMissing(message)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".tmp-fetched-", dir=path.parent))
        pairs = {f"{checkpoint}/{name}": str(temporary / name) for name in manifest.files}
        for name in manifest.files:
            if ".." in Path(name).parts or Path(name).is_absolute():
                message = f"{checkpoint} at {self._remote.url} names a file {name!r}"
                raise CheckpointMissing(message)
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
        self._remote.download(pairs)
        if measure(str(temporary)).digest != manifest.committed.digest:
            shutil.rmtree(temporary)
            message = f"{checkpoint} at {self._remote.url} is not what was committed"
            raise CheckpointMissing(message)
        self._placed(temporary, path)
        return path

    def _placed(self, temporary: Path, path: Path) -> None:
        try:
            temporary.rename(path)
        except OSError:
            # Another worker of this machine has fetched it meanwhile.
            if not path.is_dir():
                raise
            shutil.rmtree(temporary)

    def _manifest(self, checkpoint: str) -> Manifest | None:
        body = self._remote.read(f"{checkpoint}{_MANIFEST}")
        try:
            return None if body is None else _decode(body)
        except msgspec.DecodeError:
            # Half of one: where a file isn't written at once, its writer may have died.
            return None

    def verify(self, committed: Committed) -> str | None:
        """See the base class. Compares names and sizes; contents are compared when fetched."""
        manifest = self._manifest(committed.id)
        if manifest is None:
            return "its manifest is missing, or not whole"
        if manifest.committed.digest != committed.digest:
            return "its manifest is of another checkpoint"
        there = self._remote.sizes(committed.id)
        for name, size in manifest.files.items():
            if there.get(name) != size:
                return f"its file {name!r} has {there.get(name, 'no')} bytes, not {size}"
        return None

    def delete(self, checkpoint: str) -> None:
        """See the base class. The manifest goes first."""
        self.guard()
        self._remote.remove(f"{checkpoint}{_MANIFEST}")
        self._remote.remove(checkpoint, recursive=True)
        self._local.delete(checkpoint)

    def sweep(self, known: Iterable[str]) -> list[str]:
        """See the base class."""
        self.guard()
        keep = frozenset(known)
        gone = set(self._local.sweep(keep)) if self._cache_dir.is_dir() else set[str]()
        folders = [name for name, kind in self._remote.names().items() if kind == "directory"]
        for trial in folders:
            stems = {name.removesuffix(_MANIFEST) for name in self._remote.names(trial)}
            for stem in sorted(stems):
                name = f"{trial}/{stem}"
                if stem.startswith(_PREFIX) and name not in keep:
                    self.delete(name)
                    gone.add(name)
        return sorted(gone)

    def keep_only(self, checkpoint: str | None) -> None:
        """Empty the cache but for one checkpoint; for a cache that one worker has to itself."""
        self._local.sweep([] if checkpoint is None else [checkpoint])


def open_store(
    run_dir: Path, durability: str, url: str = "", patience_s: float | None = None
) -> AbstractCheckpointStore:
    """The store of a run.

    Args:
        run_dir: The run's local folder, or a worker's own.
        durability: See ``LocalStore``.
        url: The run's folder at its destination; empty if that is ``run_dir``.
        patience_s: See ``Remote``.
    """
    if not url:
        return LocalStore(run_dir, durability)
    return FsspecStore(Remote(url, patience_s), run_dir)


def _permitted() -> None:
    pass
