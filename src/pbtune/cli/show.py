"""``pbtune show``: one run, for people."""

from pathlib import Path

import click

from pbtune.cli.runs import find, storage_option, told
from pbtune.journal.reader import JournalReader
from pbtune.reporting.snapshot import RunView
from pbtune.reporting.terminal import table


@click.command("show")
@click.argument("run")
@storage_option
@told
def command(run: str, storage: Path | None) -> None:
    """Show the population of RUN, a path or a name, its failures and what it warned of."""
    from rich.console import Console  # noqa: PLC0415  heavy

    run_dir = find(run, storage)
    console = Console(highlight=False)
    with JournalReader(run_dir) as reader:
        view = RunView(reader)
        console.print(table(view, reader))
    header = view.header
    console.print(f"{header.trainable} | seed {header.seed} | {run_dir}", markup=False)
    if view.experiment.halted is not None:
        console.print(f"halted: {view.experiment.halted}", markup=False)
    for text in view.notices:
        console.print(f"note: {text}", markup=False)
    for trial, failures in view.failures.items():
        for failed in failures:
            console.print(f"{trial}: {failed.error}: {failed.message}", markup=False)
        console.print(failures[-1].traceback, markup=False)
