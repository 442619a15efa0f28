"""``pbtune watch``: a run of another process, as its own terminal shows it."""

import sys
from pathlib import Path

import click

from pbtune.cli.runs import find, run_argument, storage_option, told
from pbtune.journal.lock import holder
from pbtune.reporting.terminal import TerminalView


@click.command("watch")
@run_argument
@click.option("-v", "--logs", is_flag=True, help="Also what trials print.")
@storage_option
@told
def command(run: str, logs: bool, storage: Path | None) -> None:  # noqa: FBT001  click's way
    """Show RUN, a path or a name, while another process trains it.

    \b
    pbtune watch pbt_function       in place on a terminal, until the run ends or Ctrl-C
    pbtune watch pbt_function | cat plain lines, as in a log file

    It only reads: Ctrl-C ends the looking, and not the run.
    """  # noqa: D301  click reads the escape
    run_dir = find(run, storage)
    driver = holder(run_dir)
    if driver is not None and driver.is_killed:
        click.echo(f"The driver, process {driver.pid}, was killed.", err=True)
    try:
        last = TerminalView(run_dir, 2 if logs else 1, sys.stdout).watch()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if not last.is_ended:
        click.echo(f"Nobody trains it now. To go on: pbtune resume {run_dir}", err=True)
