"""The folder of a run: a name of its own under the storage root, 0700."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pbtune.errors import StorageUnwritable

DATABASE: Final = "run.db"
_TRIES_MAX: Final = 10_000
_BEFORE_BIRTH: Final = frozenset(
    {"driver.lock", "tuner.pkl", ".tuner.pkl", f".{DATABASE}-new", f".{DATABASE}-new-journal"}
)


def default_name(trainable: str, wall_s: float) -> str:
    """The function's name and the date, as in Tune."""
    date = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(wall_s))
    return f"{trainable}_{date}"


def claim(
    root: Path,
    name: str,
    *,
    is_own: bool = False,
    is_taken: Callable[[str], bool] = lambda _name: False,
) -> Path:
    """Make a folder that belongs to this run alone.

    A name that is taken becomes ``name_1``, ``name_2``, ….

    Args:
        root: The storage root; made if needed.
        name: What the folder should be called.
        is_own: Whether a folder of this name is ours if the driver that made it was killed before
            there was a run in it.
        is_taken: Whether a name is another run's where runs are kept, if that isn't here.

    Raises:
        StorageUnwritable: If the folder can't be made or written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(root, error) from error
    for number in range(_TRIES_MAX):
        path = root / (name if number == 0 else f"{name}_{number}")
        if is_taken(path.name):
            continue
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if is_own and number == 0 and _is_unborn(path):
                return path
            continue
        except OSError as error:
            raise _unwritable(path, error) from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise _unwritable(path, PermissionError(13, "Permission denied"))
        return path
    message = f"{root} has {_TRIES_MAX} runs named {name}: choose another name"
    raise StorageUnwritable(message)


def _is_unborn(path: Path) -> bool:
    """Whether nothing is in a folder but what a driver writes before the run's first record."""
    return path.is_dir() and {it.name for it in path.iterdir()} <= _BEFORE_BIRTH


def _unwritable(path: Path, error: OSError) -> StorageUnwritable:
    return StorageUnwritable(
        f"the run can't be stored at {path}: {error.strerror or error}. Give a folder that you can"
        f" write as RunConfig(storage_path=...) or PBTUNE_STORAGE."
    )
