"""``pbtune plot``: pictures of a run."""

from pathlib import Path

import click

from pbtune.cli.runs import find, run_argument, storage_option, told
from pbtune.reporting.plots import KINDS, plot


@click.command("plot")
@run_argument
@click.option(
    "-k",
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="Which picture.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, else KIND.png; its ending chooses the format (png, svg, pdf).",
)
@click.option(
    "--compare",
    multiple=True,
    metavar="HYPERPARAMETER=METRIC",
    help="Draw a metric over a hyperparameter, as in lr=optimal_lr. May be given several times.",
)
@storage_option
@told
def command(
    run: str, kind: str, output: Path | None, compare: tuple[str, ...], storage: Path | None
) -> None:
    """Draw RUN, a path or a name. Works while it trains.

    \b
    pbtune plot pbt_function                     scores, hyperparameters, copies, the winner's path
    pbtune plot pbt_function -k lineage          who descends from whom, coloured by score
    pbtune plot pbt_function -k diversity -o d.svg
    pbtune plot pbt_function --compare lr=optimal_lr

    scores: every member's. schedule: what the winner trained with. parallel: where the members
    ended. diversity: whether the population still searches.
    """  # noqa: D301  click reads the escape
    pairs: dict[str, str] = {}
    for text in compare:
        name, equals, metric = text.partition("=")
        if not equals:
            message = f"--compare {text!r} must be HYPERPARAMETER=METRIC, as in lr=optimal_lr"
            raise click.BadParameter(message)
        pairs[name] = metric
    target = Path(f"{kind}.png") if output is None else output
    plot(find(run, storage), target, kind=kind, compare=pairs)
    click.echo(str(target))
