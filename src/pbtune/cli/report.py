"""``pbtune report``: all of a run in one file."""

from pathlib import Path

import click

from pbtune.cli.runs import find, run_argument, storage_option, told
from pbtune.reporting.report import report


@click.command("report")
@run_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; else RUN.html.",
)
@storage_option
@told
def command(run: str, output: Path | None, storage: Path | None) -> None:
    """Write RUN, a path or a name, as one HTML file. Works while it trains.

    \b
    pbtune report pbt_function              pbt_function.html
    pbtune report pbt_function -o /tmp/r.html

    The file holds its pictures, needs no network and runs no script; pictures need pbtune[plot].
    """  # noqa: D301  click reads the escape
    run_dir = find(run, storage)
    target = Path(f"{run_dir.absolute().name}.html") if output is None else output
    try:
        target.write_text(report(run_dir), encoding="utf-8")
    except OSError as error:
        message = f"{target} can't be written: {error.strerror}"
        raise click.ClickException(message) from error
    click.echo(str(target))
