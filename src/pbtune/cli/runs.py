"""Finding a run: by path, or by its name in a storage folder."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from pbtune.errors import PbtuneError
from pbtune.journal.reader import DATABASE
from pbtune.tune.configs import RunConfig

P = ParamSpec("P")
R = TypeVar("R")

storage_option = click.option(
    "--storage",
    type=click.Path(file_okay=False, path_type=Path),
    help="The storage folder; else PBTUNE_STORAGE, else ./pbtune_results.",
)


def storage_root(storage: Path | None) -> Path:
    """The folder that runs are looked for in."""
    return RunConfig(storage_path=None if storage is None else os.fspath(storage)).storage_root()


def find(run: str, storage: Path | None) -> Path:
    """The folder of a run, given its path or its name.

    Raises:
        click.ClickException: If there is none; names those that are there.
    """
    root = storage_root(storage)
    for path in (Path(run), root / run):
        if (path / DATABASE).is_file():
            return path
    names = ", ".join(sorted(path.parent.name for path in root.glob(f"*/{DATABASE}"))) or "no runs"
    message = f"there is no run {run!r}: {root} has {names}. Give its path, or --storage."
    raise click.ClickException(message)


def told(function: Callable[P, R]) -> Callable[P, R]:
    """Our own errors as one line and exit code 1, without a traceback."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except PbtuneError as error:
            raise click.ClickException(str(error)) from error

    return wrapped
