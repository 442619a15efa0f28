"""``pbtune show``: one run, for people."""

import shutil
from pathlib import Path

import click

from pbtune.cli.output import as_csv, as_json, format_option
from pbtune.cli.runs import find, run_argument, state_of, storage_option, told
from pbtune.core.exact import flatten
from pbtune.journal.reader import JournalReader
from pbtune.reporting.population import Look, Member, Population
from pbtune.reporting.snapshot import RunView


@click.command("show")
@run_argument
@format_option
@storage_option
@told
def command(run: str, storage: Path | None, kind: str) -> None:
    """Show the population of RUN, a path or a name, its failures and what it warned of.

    \b
    pbtune show pbt_function
    pbtune show pbtune_results/pbt_function -f json | jq .best
    pbtune show pbt_function -f csv > members.csv

    A large population is summed up in the table, and whole in JSON and CSV: the best first.
    """  # noqa: D301  click reads the escape
    run_dir = find(run, storage)
    with JournalReader(run_dir) as reader:
        population = Population(reader)
    view, look = population.view, population.look()
    if kind == "json":
        click.echo(as_json(_facts(run_dir, view, look)))
    elif kind == "csv":
        rows = [_flat(member) for member in look.members]
        click.echo(as_csv(rows, list(dict.fromkeys(name for row in rows for name in row))))
    else:
        _print(run_dir, view, look)


def _facts(run_dir: Path, view: RunView, look: Look) -> dict[str, object]:
    header = view.header
    return {
        "run": header.name,
        "path": str(run_dir.absolute()),
        "state": state_of(run_dir, look),
        "trainable": header.trainable,
        "seed": header.seed,
        "metric": header.metric,
        "mode": header.mode,
        "elapsed_s": look.elapsed_s,
        "reports": look.report_count,
        "exploits": look.exploit_count,
        "share_done": look.share,
        "best": None if look.best is None else _row(look.best),
        "warnings": list(look.warnings),
        "failures": {
            trial: [f"{it.error}: {it.message}" for it in failures]
            for trial, failures in view.failures.items()
        },
        "members": [_row(member) for member in look.members],
    }


def _row(member: Member) -> dict[str, object]:
    return {
        "trial": member.id,
        "status": member.status.value,
        "step": member.step,
        "score": member.score,
        "parent": member.parent,
        "failures": member.failures,
        "config": member.config,
    }


def _flat(member: Member) -> dict[str, object]:
    row = _row(member)
    config = flatten({"config": row.pop("config")})
    return {**row, **config}


def _print(run_dir: Path, view: RunView, look: Look) -> None:
    from rich.console import Console  # noqa: PLC0415  heavy

    from pbtune.reporting.screen import screen  # noqa: PLC0415  needs rich

    # Also a pipe is as wide as COLUMNS says.
    width = shutil.get_terminal_size().columns
    console = Console(markup=False, emoji=False, highlight=False, width=width)
    console.print(screen(look, width))
    header = view.header
    # Not by rich, which breaks lines that are to be copied, such as paths and tracebacks.
    click.echo(f"{header.trainable} | seed {header.seed} | {run_dir}")
    if view.experiment.halted is not None:
        click.echo(f"halted: {view.experiment.halted}")
    for trial, failures in view.failures.items():
        for failed in failures:
            click.echo(f"{trial}: {failed.error}: {failed.message}")
        click.echo(failures[-1].traceback)
