"""What is kept of a run for its resume, and what a person asks for who takes it up again.

``tuner.pkl`` holds what only the script has: the function, the search space, the settings. It is
read by ``Tuner.restore`` and ``pbtune resume`` alone, since reading a pickle runs code. Everything
else is in the journal.
"""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from pbtune.driver.run_folder import DATABASE
from pbtune.errors import RunUnreadable, StorageUnwritable
from pbtune.tune.configs import RunConfig, TuneConfig
from pbtune.worker.by_value import dumps

PICKLE_NAME: Final = "tuner.pkl"
PICKLE_BYTES_MAX: Final = 1 << 26
"""More than this is data of the user's, which a run's folder shouldn't hold a second time."""


class Saved(msgspec.Struct, frozen=True):
    """What ``tuner.pkl`` holds. ``param_space`` lacks values that look like secrets.

    ``name`` is what the training was registered under, if it was.
    """

    trainable: Callable[[dict[str, Any]], object]
    param_space: dict[str, Any]
    tune_config: TuneConfig
    run_config: RunConfig
    name: str | None = None


class Resume(msgspec.Struct, frozen=True):
    """A run to take up, and what to do with its trials.

    ``override`` lets it go on under another seed, space, scheduler or function; the change is
    journalled.
    """

    run_dir: Path
    resume_unfinished: bool = True
    resume_errored: bool = False
    restart_errored: bool = False
    override: bool = False


def save(run_dir: Path, saved: Saved) -> bool:
    """Keep what a resume needs, readable by its owner only.

    Returns:
        False if something in it can't be pickled, or is too large to be kept twice.

    Raises:
        StorageUnwritable: If it can't be written.
    """
    # The process boundary of user code: __reduce__ of the user's objects may raise anything.
    try:
        payload = dumps(saved)
    except Exception:  # noqa: BLE001
        return False
    if len(payload) > PICKLE_BYTES_MAX:
        return False
    temporary = run_dir / f".{PICKLE_NAME}"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(payload)
        temporary.replace(run_dir / PICKLE_NAME)
    except OSError as error:
        message = (
            f"{run_dir / PICKLE_NAME} can't be written: {error.strerror or error}. Nothing has"
            f" begun; give a folder with some space as RunConfig(storage_path=...) or"
            f" PBTUNE_STORAGE."
        )
        raise StorageUnwritable(message) from error
    return True


def load(run_dir: Path) -> Saved | None:
    """What was kept; None if nothing was.

    Raises:
        RunUnreadable: If it can't be unpickled here.
    """
    path = run_dir / PICKLE_NAME
    if not path.is_file():
        return None
    # The process boundary of user code: importing its modules may raise anything.
    try:
        return cast("Saved", pickle.loads(path.read_bytes()))  # noqa: S301  by its owner's wish
    except Exception as error:
        message = (
            f"{path} can't be read here ({type(error).__name__}: {error}): make the modules of the"
            f" training function importable, or pass trainable= and param_space= to restore()"
        )
        raise RunUnreadable(message) from error


def can_resume(run_dir: Path) -> bool:
    """Whether a folder is a run."""
    return (run_dir / DATABASE).is_file()
