"""Checkpoints at a URL: any file system that fsspec knows, with a local cache.

    cache: <run>/<trial>/checkpoint_000010/   ──files──►  <url>/<trial>/checkpoint_000010/…
                                              ──last───►  <url>/<trial>/checkpoint_000010.json

An object store has no rename. The manifest comes last and names every file, so a checkpoint without
one doesn't exist; and it goes first when the checkpoint is deleted.
"""

import importlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar, final

import msgspec

from pbtune.checkpoints.copying import measure
from pbtune.checkpoints.store import AbstractCheckpointStore, Committed, LocalStore
from pbtune.errors import CheckpointMissing, SettingsError, StorageUnreachable

FIRST_PAUSE_S: Final = 0.1
PAUSE_S_MAX: Final = 10.0
_PREFIX: Final = "checkpoint_"
_MANIFEST: Final = ".json"
_FINAL_ERRORS: Final = (
    *(FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError),
    *(TypeError, ValueError, LookupError, AttributeError, NotImplementedError, ImportError),
)
"""What trying again can't help against; everything else may be the network's."""
_T = TypeVar("_T")


class Manifest(msgspec.Struct, frozen=True):
    """A checkpoint at its destination: what was committed, and each file with its size."""

    committed: Committed
    files: dict[str, int]


_decode = msgspec.json.Decoder(Manifest).decode


@final
class Remote:
    """A folder at a URL; each call is tried again while the storage can't be reached.

    Args:
        url: The folder's.
        patience_s: For how long; None waits for ever, since what waits is not lost.
        sleep: Waits between two tries.

    Raises:
        SettingsError: If nothing that is installed can open such a URL.
    """

    def __init__(
        self,
        url: str,
        patience_s: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Imported here: it takes 20 ms, and local runs do without. It has no types.
        fsspec: Any = importlib.import_module("fsspec")
        self.url = url.rstrip("/")
        self._patience_s = patience_s
        self._sleep = sleep
        # In a folder of a disk, folders have to be made, and a copy isn't whole at once.
        self._is_folder = self.url.startswith(("file:", "local:"))
        options = {"auto_mkdir": True} if self._is_folder else {}
        try:
            found: tuple[Any, str] = fsspec.url_to_fs(self.url, **options)
        except (ImportError, ValueError) as error:
            message = (
                f"storage_path={self.url!r} can't be opened: {error}. Install what knows such URLs:"
                f" pip install s3fs, gcsfs or adlfs"
            )
            raise SettingsError(message) from error
        self.fs, root = found
        self.root = root.rstrip("/")

    def call(self, what: Callable[[], _T]) -> _T:
        """Make a call, again and again if it has to be.

        Raises:
            StorageUnreachable: If patience ends.
        """
        pause_s, waited_s, is_told = FIRST_PAUSE_S, 0.0, False
        while True:
            try:
                return what()
            except _FINAL_ERRORS:
                raise
            # The boundary of the storage's library, which raises errors of its own.
            except Exception as error:
                if self._patience_s is not None and waited_s >= self._patience_s:
                    message = f"{self.url} can't be reached: {error or type(error).__name__}"
                    raise StorageUnreachable(message) from error
                if not is_told and waited_s >= 1.0:
                    text = f"{self.url} can't be reached ({error}): waiting for it"
                    print(text, file=sys.stderr, flush=True)  # noqa: T201  the trial's log
                    is_told = True
            self._sleep(pause_s)
            waited_s += pause_s
            pause_s = min(pause_s * 2, PAUSE_S_MAX)

    def names(self, folder: str = "") -> dict[str, str]:
        """What is in a folder: "file" or "directory" by name; empty if there is no such folder."""
        path = self._path(folder)

        def listed() -> list[dict[str, Any]]:
            self.fs.invalidate_cache()
            try:
                return self.fs.ls(path, detail=True)
            except FileNotFoundError:
                return []

        found: dict[str, str] = {}
        for entry in self.call(listed):
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if name and str(entry["name"]).strip("/") != path.strip("/"):
                found[name] = str(entry["type"])
        return found

    def sizes(self, folder: str) -> dict[str, int]:
        """The size of each file below a folder, by its name from there."""
        path = self._path(folder)

        def listed() -> dict[str, dict[str, Any]]:
            self.fs.invalidate_cache()
            return self.fs.find(path, detail=True)

        base = path.strip("/")
        return {
            name.strip("/")[len(base) + 1 :]: int(entry["size"])
            for name, entry in self.call(listed).items()
        }

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None if it isn't there."""
        try:
            return self.call(lambda: self.fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def write(self, name: str, body: bytes) -> None:
        """Put a small file in its place, whole."""
        self.call(lambda: self.fs.pipe_file(self._path(name), body))

    def upload(self, pairs: dict[str, str]) -> None:
        """Send local files to these names."""
        if pairs:
            targets = [self._path(name) for name in pairs.values()]
            self.call(lambda: self.fs.put(list(pairs), targets))

    def replace(self, source: Path, name: str) -> None:
        """Put a local file in the place of what bears this name: one or the other is there."""
        if not self._is_folder:
            self.upload({str(source): name})
            return
        temporary = f"{name}.new"
        self.upload({str(source): temporary})
        self.call(lambda: self.fs.mv(self._path(temporary), self._path(name)))

    def download(self, pairs: dict[str, str]) -> None:
        """Fetch these names to local files."""
        if pairs:
            sources = [self._path(name) for name in pairs]
            self.call(lambda: self.fs.get(sources, list(pairs.values())))

    def remove(self, name: str, *, recursive: bool = False) -> None:
        """Delete; what is gone is fine."""
        try:
            self.call(lambda: self.fs.rm(self._path(name), recursive=recursive))
        except FileNotFoundError:
            return

    def check(self) -> None:
        """Raise unless a file can be written there.

        Raises:
            StorageUnreachable: If it can't.
        """
        try:
            self.write(".pbtune-probe", b"")
            self.remove(".pbtune-probe")
        except OSError as error:
            message = (
                f"the run can't be stored at {self.url}: {error or type(error).__name__}. Check the"
                f" URL, the credentials and whether the bucket exists"
            )
            raise StorageUnreachable(message) from error

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root


@final
class FsspecStore(AbstractCheckpointStore):
    """Checkpoints at a URL, with copies in a local folder.

    Args:
        remote: The run's folder at its destination.
        cache_dir: The local folder.
    """

    def __init__(self, remote: Remote, cache_dir: Path) -> None:
        self._remote = remote
        self._cache_dir = cache_dir
        self._local = LocalStore(cache_dir)

    def commit_directory(self, trial: str, source: Path, number: int) -> Committed:
        """See the base class. Returns when the checkpoint is whole at its destination."""
        number = self._free_number(trial, number)
        return self._uploaded(self._local.commit_directory(trial, source, number))

    def stage(self, trial: str) -> Path:
        """See the base class."""
        return self._local.stage(trial)

    def commit_staged(self, trial: str, staged: Path, number: int) -> Committed:
        """See the base class. Returns when the checkpoint is whole at its destination."""
        number = self._free_number(trial, number)
        return self._uploaded(self._local.commit_staged(trial, staged, number))

    def _free_number(self, trial: str, number: int) -> int:
        """Behind all that is at the destination: other machines have caches of their own."""
        stems = {name.removesuffix(_MANIFEST) for name in self._remote.names(trial)}
        digits = [stem.removeprefix(_PREFIX) for stem in stems if stem.startswith(_PREFIX)]
        return max([number, *(int(it) + 1 for it in digits if it.isdigit())])

    def _uploaded(self, committed: Committed) -> Committed:
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
        return committed

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
        self._remote.remove(f"{checkpoint}{_MANIFEST}")
        self._remote.remove(checkpoint, recursive=True)
        self._local.delete(checkpoint)

    def sweep(self, known: Iterable[str]) -> list[str]:
        """See the base class."""
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
