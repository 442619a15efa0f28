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
    console = Console(markup=False, emoji=False, highlight=False)
    with JournalReader(run_dir) as reader, reader.snapshot():
        view = RunView(reader)
        console.print(table(view, reader))
    header = view.header
    # Not by rich, which breaks lines that are to be copied, such as paths and tracebacks.
    click.echo(f"{header.trainable} | seed {header.seed} | {run_dir}")
    if view.experiment.halted is not None:
        click.echo(f"halted: {view.experiment.halted}")
    for text in view.notices:
        click.echo(f"note: {text}")
    for trial, failures in view.failures.items():
        for failed in failures:
            click.echo(f"{trial}: {failed.error}: {failed.message}")
        click.echo(failures[-1].traceback)
