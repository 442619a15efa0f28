"""``pbtune clean``: what of runs may be deleted."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
import msgspec

from pbtune.checkpoints.store import LocalStore
from pbtune.cli.runs import (
    completed,
    find,
    find_all,
    storage_option,
    storage_root,
    told,
)
from pbtune.errors import PbtuneError, RunUnreadable
from pbtune.journal.lock import RunLock, holder
from pbtune.journal.reader import JournalReader
from pbtune.reporting.snapshot import RunView

_DOOMED: Final = ".deleted-"
_UNIT: Final = 1024


class Deletable(msgspec.Struct, frozen=True):
    """One folder that may go, and why."""

    path: Path
    reason: str
    bytes: int


@click.command("clean")
@click.argument("runs", nargs=-1, shell_complete=completed)
@click.option("--whole", is_flag=True, help="The runs themselves, with all that they found.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would go, and delete nothing.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@storage_option
@told
def command(
    runs: tuple[str, ...],
    whole: bool,  # noqa: FBT001  click's way
    dry_run: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    storage: Path | None,
) -> None:
    """Delete what RUNS, paths or names, no longer need; all of the storage folder's by default.

    \b
    pbtune clean --dry-run              what could go
    pbtune clean climb                  leftovers of one run, after a question
    pbtune clean --whole climb climb_1  the runs themselves

    Leftovers are half-written checkpoints of processes that were killed, and checkpoints that the
    journal has released. A checkpoint that a result or a resume needs stays. Runs that are being
    trained are left alone.
    """  # noqa: D301  click reads the escape
    if whole and not runs:
        message = "--whole needs the names of the runs that are to go"
        raise click.UsageError(message)
    folders = [find(run, storage) for run in runs] or find_all(storage_root(storage))
    with ExitStack() as locks:
        held = None if dry_run else locks
        found = [it for folder in folders for it in _deletable(folder, held, is_whole=whole)]
        if not found:
            click.echo("There is nothing to delete.")
            return
        for it in found:
            click.echo(f"{_size(it.bytes):>10}  {it.path}  ({it.reason})")
        total = _size(sum(it.bytes for it in found))
        if dry_run:
            click.echo(f"{total} in {len(found)} folders could be deleted.")
            return
        if not yes:
            click.confirm(f"Delete {total} in {len(found)} folders?", abort=True)
        if sys.platform == "win32":
            # It moves no folder in which a file is open, such as our own lock; nor, for the same
            # reason, one that somebody has begun to train since.
            locks.close()
        for it in found:
            _delete(it.path)
        click.echo(f"{total} deleted.")


def _deletable(run_dir: Path, locks: ExitStack | None, *, is_whole: bool) -> Iterator[Deletable]:
    """What of a run may go; nothing of one that is being trained.

    Args:
        run_dir: The run's folder.
        locks: Keeps the run's lock until it is gone, so that nobody begins to train it; None only
            asks whether somebody does.
        is_whole: The run itself.
    """
    driver = holder(run_dir)
    try:
        if locks is not None:
            locks.enter_context(RunLock(run_dir))
        elif driver is not None and not driver.is_killed:
            where = "" if driver.is_here else f" on {driver.host}"
            _left_alone(run_dir, f"process {driver.pid}{where} is working on it")
            return
        with JournalReader(run_dir) as reader, reader.snapshot():
            view = RunView(reader)
    except RunUnreadable as error:
        # A journal that can't be read says nothing of what is needed; but a person may know.
        if is_whole:
            yield Deletable(run_dir, "a run that can't be read", _bytes(run_dir))
        else:
            _left_alone(run_dir, str(error))
    except PbtuneError as error:
        _left_alone(run_dir, str(error))
    else:
        yield from _of(run_dir, view, is_whole=is_whole)


def _of(run_dir: Path, view: RunView, *, is_whole: bool) -> Iterator[Deletable]:
    if is_whole:
        yield Deletable(run_dir, f"a run of {len(view.trials)} members", _bytes(run_dir))
    elif view.header.settings.get("storage_url"):
        _left_alone(run_dir, "its checkpoints are stored elsewhere")
    else:
        for name in LocalStore(run_dir).strays(view.experiment.references):
            yield Deletable(run_dir / name, "nobody needs it", _bytes(run_dir / name))


def _left_alone(run_dir: Path, reason: str) -> None:
    click.echo(f"{run_dir} is left alone: {reason}", err=True)


def _delete(path: Path) -> None:
    # Renamed first: half a run or half a checkpoint never bears its name.
    doomed = path.with_name(f"{_DOOMED}{path.name}")
    try:
        path.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        message = f"{path} can't be deleted: {error.strerror}"
        raise click.ClickException(message) from error


def _bytes(path: Path) -> int:
    return sum(it.lstat().st_size for it in path.rglob("*") if not it.is_dir() or it.is_symlink())


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < _UNIT:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _UNIT
    return f"{count:.1f} TiB"
