"""``pbtune export``: what a run found, for other programs."""

from pathlib import Path

import click

from pbtune.cli.runs import find, run_argument, storage_option, told
from pbtune.tune.schedule import Schedule


@click.command("export")
@run_argument
@click.option(
    "--schedule",
    "is_schedule",
    is_flag=True,
    help="The hyperparameters that led to the winner, step by step.",
)
@click.option("--trial", help="The schedule of this trial, not the winner's.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["json", "csv"]),
    help="Else by the file's ending, else json.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; else standard output.",
)
@storage_option
@told
def command(
    run: str,
    is_schedule: bool,  # noqa: FBT001  click's way
    trial: str | None,
    kind: str | None,
    output: Path | None,
    storage: Path | None,
) -> None:
    r"""Write what RUN, a path or a name, has found. Works while it trains.

    \b
    pbtune export pbt_function --schedule -o schedule.json
    pbtune export pbt_function --schedule --trial t3 --format csv

    In Python: pbtune.tune.Schedule.from_json("schedule.json").function("lr")
    """
    if not is_schedule:
        message = "say what to export: --schedule"
        raise click.UsageError(message)
    schedule = Schedule.from_run(find(run, storage), trial)
    is_csv = kind == "csv" or (kind is None and output is not None and output.suffix == ".csv")
    text = schedule.to_csv() if is_csv else schedule.to_json()
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{output} can't be written: {error.strerror}"
        raise click.ClickException(message) from error
    click.echo(str(output))
