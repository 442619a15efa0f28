"""Finding a run: by path, or by its name in a storage folder."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
from click.shell_completion import CompletionItem

from pbtune.errors import PbtuneError
from pbtune.journal.lock import holder
from pbtune.journal.reader import DATABASE
from pbtune.reporting.population import Look
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


def find_all(root: Path) -> list[Path]:
    """The folders of the runs of a storage folder, by name."""
    return sorted(path.parent for path in root.glob(f"*/{DATABASE}"))


def find(run: str, storage: Path | None) -> Path:
    """The folder of a run, given its path or its name.

    Raises:
        click.ClickException: If there is none; names those that are there.
    """
    root = storage_root(storage)
    for path in (Path(run), root / run):
        if (path / DATABASE).is_file():
            return path
    names = ", ".join(path.name for path in find_all(root)) or "no runs"
    message = f"there is no run {run!r}: {root} has {names}. Give its path, or --storage."
    raise click.ClickException(message)


def completed(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The names of runs that begin with what is typed; folders too, as paths are runs as well."""
    names = [path.name for path in find_all(storage_root(context.params.get("storage")))]
    items = [CompletionItem(name) for name in names if name.startswith(begun)]
    return [*items, CompletionItem(begun, type="dir")]


run_argument = click.argument("run", shell_complete=completed)


def state_of(run_dir: Path, look: Look) -> str:
    """Where a run stands: ended, halted, training, interrupted, killed, or elsewhere.

    "elsewhere" has a driver of another machine written down, which may be at work or not.
    """
    if look.halted is not None:
        return "halted"
    if look.is_ended:
        return "ended"
    driver = holder(run_dir)
    if driver is None:
        return "interrupted"
    if not driver.is_here:
        return "elsewhere"
    return "killed" if driver.is_killed else "training"


def told(function: Callable[P, R]) -> Callable[P, R]:
    """Our own errors as one line and exit code 1, without a traceback."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except PbtuneError as error:
            raise click.ClickException(str(error)) from error

    return wrapped
