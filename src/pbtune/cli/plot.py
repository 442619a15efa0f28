"""``pbtune plot``: the picture of a run."""

from pathlib import Path

import click

from pbtune.cli.runs import find, storage_option, told
from pbtune.reporting.plots import plot_run


@click.command("plot")
@click.argument("run")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("population.png"),
    show_default=True,
    help="The file to write; its ending chooses the format (png, svg, pdf).",
)
@click.option(
    "--compare",
    multiple=True,
    metavar="HYPERPARAMETER=METRIC",
    help="Draw a metric over a hyperparameter, as in lr=optimal_lr. May be given several times.",
)
@storage_option
@told
def command(run: str, output: Path, compare: tuple[str, ...], storage: Path | None) -> None:
    """Draw RUN, a path or a name. Works while it trains."""
    pairs: dict[str, str] = {}
    for text in compare:
        name, equals, metric = text.partition("=")
        if not equals:
            message = f"--compare {text!r} must be HYPERPARAMETER=METRIC, as in lr=optimal_lr"
            raise click.BadParameter(message)
        pairs[name] = metric
    plot_run(find(run, storage), output, pairs)
    click.echo(str(output))
