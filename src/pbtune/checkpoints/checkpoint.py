"""``Checkpoint``: a directory of files, as Tune has it."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn, final

import msgspec

from pbtune.errors import CheckpointMissing

METADATA_NAME = ".metadata.json"
_GONE: Final = frozenset(
    {
        *("from_bytes", "from_checkpoint", "from_dict", "from_object_ref", "from_uri"),
        *("get_internal_representation", "to_bytes", "to_dict", "to_object_ref", "to_uri", "uri"),
    }
)
"""Methods of years ago, which Tune has taken out too."""


class _Kind(type):
    """The class of ``Checkpoint``, which says of its old methods what to do instead."""

    def __getattr__(cls, name: str) -> NoReturn:
        raise AttributeError(_lacks(name))


@final
class Checkpoint(metaclass=_Kind):
    """A directory with the state of a training.

    Args:
        path: The directory.
        filesystem: Only None: checkpoints are in a local directory.

    Attributes:
        path: The directory, as text.
    """

    def __init__(self, path: str | os.PathLike[str], filesystem: None = None) -> None:
        self.path = os.fspath(path)
        self.filesystem = filesystem

    def __getattr__(self, name: str) -> NoReturn:
        """Only asked for what isn't there."""
        raise AttributeError(_lacks(name))

    def __repr__(self) -> str:
        """As the call that makes it."""
        return f"Checkpoint(path={self.path!r})"

    def __eq__(self, other: object) -> bool:
        """Two checkpoints are equal when they name the same directory."""
        return isinstance(other, Checkpoint) and other.path == self.path

    def __hash__(self) -> int:
        """Of the path."""
        return hash(self.path)

    def __fspath__(self) -> NoReturn:
        """Not a path itself, as in Tune.

        Raises:
            TypeError: Always; it says what to use.
        """
        message = "a Checkpoint is no path: use checkpoint.path or checkpoint.as_directory()"
        raise TypeError(message)

    @classmethod
    def from_directory(cls, path: str | os.PathLike[str]) -> "Checkpoint":
        """A checkpoint of the files in a directory. ``report`` copies them.

        Raises:
            CheckpointMissing: If there is no such directory.
        """
        if not os.path.isdir(path):  # noqa: PTH112  os.PathLike, and on the hot path
            raise _missing(path)
        return cls(path)

    @contextmanager
    def as_directory(self) -> Generator[str]:
        """The directory itself, without a copy: read it, don't write to it.

        Raises:
            CheckpointMissing: If it isn't there any more.
        """
        if not os.path.isdir(self.path):  # noqa: PTH112  on the hot path
            raise _missing(self.path)
        yield self.path

    def to_directory(self, path: str | os.PathLike[str] | None = None) -> str:
        """Copy the files.

        Args:
            path: Where to; made if needed. A fresh temporary directory if left out.

        Returns:
            Where they are.
        """
        if not os.path.isdir(self.path):  # noqa: PTH112
            raise _missing(self.path)
        if path is None:
            target = Path(tempfile.gettempdir(), f"checkpoint_tmp_{os.urandom(16).hex()}")
            target.mkdir(mode=0o700)
        else:
            target = Path(path)
            target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.path, target, dirs_exist_ok=True)
        return str(target)

    def get_metadata(self) -> dict[str, object]:
        """The JSON beside the files; empty if there is none."""
        file = Path(self.path, METADATA_NAME)
        if not file.is_file():
            return {}
        return msgspec.json.decode(file.read_bytes(), type=dict[str, object])

    def set_metadata(self, metadata: dict[str, object]) -> None:
        """Replace the JSON beside the files; only before the checkpoint is reported."""
        Path(self.path, METADATA_NAME).write_bytes(msgspec.json.encode(metadata))

    def update_metadata(self, metadata: dict[str, object]) -> None:
        """Merge into the JSON beside the files; only before the checkpoint is reported."""
        self.set_metadata({**self.get_metadata(), **metadata})


def _lacks(name: str) -> str:
    if name not in _GONE:
        return f"a Checkpoint has no {name!r}"
    return (
        f"Checkpoint.{name}() is no more: a checkpoint is a directory. Write files into one, and"
        f" pass Checkpoint.from_directory(path); read them in `with checkpoint.as_directory()`"
    )


def _missing(path: str | os.PathLike[str]) -> CheckpointMissing:
    is_file = os.path.isfile(path)  # noqa: PTH113
    what = "is a file, not a directory" if is_file else "doesn't exist"
    return CheckpointMissing(
        f"the checkpoint directory {os.fspath(path)!r} {what}: write the files into a directory"
        f" that is there until report() has returned"
    )
