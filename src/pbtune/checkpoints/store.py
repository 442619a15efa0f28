"""The commit protocol: written under a temporary name in the same place, renamed to a free number.

    <run>/<trial>/.tmp-…/  ──rename──►  <run>/<trial>/checkpoint_000010/

A checkpoint is whole or absent; a number is never given twice; what is named in the journal was
renamed before. Only ``delete`` and ``sweep`` remove anything; their callers know what is pinned.
"""

import errno
import os
import re
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.checkpoints.copying import Tree, copy_tree, measure, remove_tree, sync_directory
from pbtune.checkpoints.moving import rename
from pbtune.errors import CheckpointMissing

_PREFIX: Final = "checkpoint_"
_NAME: Final = re.compile(rf"{_PREFIX}(\d{{6,}})")
_TEMPORARY: Final = ".tmp-"
_TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class Committed(msgspec.Struct, frozen=True, array_like=True):
    """A checkpoint at its place. ``id`` is "<trial>/checkpoint_000010"; ``bytes`` of all files."""

    id: str
    number: int
    bytes: int
    file_count: int
    digest: str


class AbstractCheckpointStore(ABC):
    """Where a run's checkpoints are."""

    @abstractmethod
    def commit_directory(self, trial: str, source: Path, number: int) -> Committed:
        """Store a copy of a directory under the next free number, from ``number`` on.

        Raises:
            CheckpointMissing: If the directory isn't there.
        """

    @abstractmethod
    def stage(self, trial: str) -> Path:
        """An empty folder, to be committed without a second write."""

    @abstractmethod
    def commit_staged(self, trial: str, staged: Path, number: int) -> Committed:
        """Move a staged folder to the next free number, from ``number`` on."""

    @abstractmethod
    def discard(self, staged: Path) -> None:
        """Delete a staged folder that won't be committed."""

    @abstractmethod
    def path_of(self, checkpoint: str) -> Path:
        """Where the files of a committed checkpoint are, to be read."""

    @abstractmethod
    def verify(self, committed: Committed) -> str | None:
        """What is wrong with a checkpoint's files; None if they are as they were committed."""

    @abstractmethod
    def delete(self, checkpoint: str) -> None:
        """Delete a checkpoint's files; one that is gone is fine."""

    @abstractmethod
    def sweep(self, known: Iterable[str]) -> list[str]:
        """Delete what no commit names. Only while no worker of the run is alive.

        Args:
            known: The checkpoints that the journal names and that have not been released.

        Returns:
            What was deleted, relative to the run.
        """


@final
class LocalStore(AbstractCheckpointStore):
    """Checkpoints in the run's own folder.

    Args:
        run_dir: The run's folder.
        durability: "process" survives the death of a process; "power" also the loss of power.
    """

    def __init__(self, run_dir: Path, durability: str = "process") -> None:
        self._run_dir = run_dir
        self._root = str(run_dir)
        self._sync = durability == "power"
        self._named: set[str] = set()

    def commit_directory(self, trial: str, source: Path, number: int) -> Committed:
        """See the base class."""
        folder = self._folder(trial)
        # The parent is ours alone, so no name in it can be taken but by this process.
        temporary = f"{folder}{os.sep}{_TEMPORARY}{os.getpid()}-{number}"
        if temporary.startswith(f"{os.path.abspath(source)}{os.sep}"):  # noqa: PTH100  the hot path
            message = (
                f"the checkpoint directory {str(source)!r} holds the run's own folder inside:"
                f" write the state into a directory of its own"
            )
            raise CheckpointMissing(message)
        try:
            tree = copy_tree(str(source), temporary, sync=self._sync)
        except FileExistsError:
            remove_tree(temporary)
            tree = copy_tree(str(source), temporary, sync=self._sync)
        except (FileNotFoundError, NotADirectoryError) as error:
            remove_tree(temporary)
            message = (
                f"the checkpoint directory {str(source)!r} changed or went away while report() was"
                f" copying it ({error}): leave it alone until report() has returned"
            )
            raise CheckpointMissing(message) from error
        except BaseException:
            remove_tree(temporary)
            raise
        return self._place(trial, folder, temporary, number, tree)

    def stage(self, trial: str) -> Path:
        """See the base class."""
        return Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self._folder(trial)))

    def commit_staged(self, trial: str, staged: Path, number: int) -> Committed:
        """See the base class."""
        if not staged.is_dir():
            message = f"the checkpoint directory {str(staged)!r} doesn't exist any more"
            raise CheckpointMissing(message)
        if self._sync:
            for parent, _, names in os.walk(staged):
                for name in names:
                    _sync_file(os.path.join(parent, name))  # noqa: PTH118
                sync_directory(parent)
        tree = measure(str(staged))
        return self._place(trial, self._folder(trial), str(staged), number, tree)

    def _folder(self, trial: str) -> str:
        folder = f"{self._root}{os.sep}{trial}"
        if not os.path.isdir(folder):  # noqa: PTH112  the hot path
            os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
        return folder

    def _place(self, trial: str, folder: str, temporary: str, number: int, tree: Tree) -> Committed:
        while True:
            name = f"{_PREFIX}{number:06d}"
            target = f"{folder}/{name}"
            # rename() would replace an empty directory silently, so look first; this trial has
            # one writer at a time.
            if not os.path.lexists(target):
                try:
                    rename(temporary, target)
                    break
                except OSError as error:
                    if error.errno not in _TAKEN:
                        raise
            number += 1
        if self._sync:
            sync_directory(folder)
            if folder not in self._named:
                # The trial's folder is new itself, whoever made it.
                sync_directory(self._root)
                self._named.add(folder)
        return Committed(f"{trial}/{name}", number, tree.bytes, tree.file_count, tree.digest)

    def discard(self, staged: Path) -> None:
        """See the base class."""
        remove_tree(str(staged))

    def path_of(self, checkpoint: str) -> Path:
        """See the base class."""
        return self._run_dir / checkpoint

    def verify(self, committed: Committed) -> str | None:
        """See the base class."""
        path = self.path_of(committed.id)
        if not path.is_dir():
            return "its directory is missing"
        tree = measure(str(path))
        if (tree.bytes, tree.file_count) != (committed.bytes, committed.file_count):
            return (
                f"it has {tree.file_count} files of {tree.bytes} bytes, not"
                f" {committed.file_count} of {committed.bytes}"
            )
        return None if tree.digest == committed.digest else "the contents of its files changed"

    def delete(self, checkpoint: str) -> None:
        """See the base class. First renamed, so that half a checkpoint never bears its name."""
        trial, _, name = checkpoint.rpartition("/")
        doomed = f"{self._root}/{trial}/{_TEMPORARY}deleted-{name}"
        try:
            rename(f"{self._root}/{checkpoint}", doomed)
        except FileNotFoundError:
            return
        except PermissionError:
            if sys.platform != "win32":
                raise
            # Somebody reads it. Its release is committed, so the next sweep takes it.
            return
        remove_tree(doomed)

    def sweep(self, known: Iterable[str]) -> list[str]:
        """See the base class."""
        strays = self.strays(known)
        for name in strays:
            remove_tree(f"{self._root}/{name}")
        return strays

    def strays(self, known: Iterable[str]) -> list[str]:
        """What ``sweep`` would delete: checkpoints that no commit names, and half-written ones."""
        keep = frozenset(known)
        found: list[str] = []
        for folder in sorted(path for path in self._run_dir.iterdir() if path.is_dir()):
            for path in sorted(folder.iterdir()):
                name = f"{folder.name}/{path.name}"
                is_stray = _NAME.fullmatch(path.name) is not None and name not in keep
                if path.is_dir() and (is_stray or path.name.startswith(_TEMPORARY)):
                    found.append(name)
        return found


def _sync_file(path: str) -> None:
    # Windows flushes only what may be written; elsewhere a file may be read-only.
    fd = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
