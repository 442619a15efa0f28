"""Checkpoints that are texts in memory: whole, damaged or missing."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, final

from pbtune.checkpoints.store import AbstractCheckpointStore, Committed
from pbtune.errors import CheckpointMissing
from pbtune.testing.faults import Faults

_TEMPORARY: Final = ".tmp-"


@final
class FakeStore(AbstractCheckpointStore):
    """A store whose disk is a dict; ``faults`` counts what its driver does to it.

    Attributes:
        folders: What each folder holds, staged or committed, by its name under the run.
        lost: The checkpoints that a fault has damaged or taken away.
        on_delete: Told of each deletion by the driver.
    """

    def __init__(self, faults: Faults) -> None:
        self.folders: dict[str, str] = {}
        self.lost: set[str] = set()
        self.on_delete: Callable[[str], object] = len
        self._faults = faults
        self._staged_count = 0

    def write(self, folder: Path, content: str) -> None:
        """What a member does to a staged folder."""
        self.folders[str(folder)] = content

    def read(self, checkpoint: str) -> str:
        """What a member does to a committed one.

        Raises:
            CheckpointMissing: If it is gone.
        """
        if checkpoint not in self.folders:
            message = f"{checkpoint} is gone"
            raise CheckpointMissing(message)
        return self.folders[checkpoint]

    def commit_directory(self, trial: str, source: Path, number: int) -> Committed:
        """See the base class."""
        return self._place(trial, self.read(str(source)), number)

    def stage(self, trial: str) -> Path:
        """See the base class."""
        self._staged_count += 1
        folder = Path(f"{trial}/{_TEMPORARY}{self._staged_count}")
        self.folders[str(folder)] = ""
        return folder

    def commit_staged(self, trial: str, staged: Path, number: int) -> Committed:
        """See the base class."""
        content = self.read(str(staged))
        del self.folders[str(staged)]
        return self._place(trial, content, number)

    def _place(self, trial: str, content: str, number: int) -> Committed:
        while (name := f"{trial}/checkpoint_{number:06d}") in self.folders:
            number += 1
        self.folders[name] = content
        return Committed(name, number, len(content), 1, content)

    def discard(self, staged: Path) -> None:
        """See the base class."""
        self.folders.pop(str(staged), None)

    def path_of(self, checkpoint: str) -> Path:
        """See the base class."""
        return Path(checkpoint)

    def verify(self, committed: Committed) -> str | None:
        """See the base class."""
        self._faults.op("verify")
        content = self.folders.get(committed.id)
        if content is None:
            return "its directory is missing"
        return None if content == committed.digest else "the contents of its files changed"

    def delete(self, checkpoint: str) -> None:
        """See the base class. A driver that dies in it leaves half of it under another name."""
        self._faults.op("delete")
        self.on_delete(checkpoint)
        content = self.folders.pop(checkpoint, None)
        if content is None:
            return
        doomed = f"{checkpoint.replace('/', f'/{_TEMPORARY}')}"
        self.folders[doomed] = content
        self._faults.op("deleting")
        del self.folders[doomed]

    def sweep(self, known: Iterable[str]) -> list[str]:
        """See the base class."""
        keep = frozenset(known)
        gone = sorted(name for name in self.folders if name not in keep)
        for name in gone:
            self._faults.op("sweep")
            del self.folders[name]
        return gone

    def damage(self) -> str | None:
        """A fault: a committed checkpoint loses its files, or some of their bytes."""
        whole = sorted(
            name for name in self.folders if _TEMPORARY not in name and name not in self.lost
        )
        if not whole:
            return None
        name = self._faults.rng.choice(whole)
        self.lost.add(name)
        if self._faults.rng.random() < 0.5:  # noqa: PLR2004  a coin
            del self.folders[name]
        else:
            self.folders[name] = "torn"
        return name
