"""``pbtune list``: the runs of a storage folder."""

import math
import time
from operator import itemgetter
from pathlib import Path
from typing import Final

import click

from pbtune.cli.output import as_csv, as_json, format_option, print_table
from pbtune.cli.runs import find_all, state_of, storage_option, storage_root, told
from pbtune.errors import PbtuneError
from pbtune.journal.reader import JournalReader
from pbtune.reporting.population import Population

COLUMNS: Final = ("run", "created", "state", "members", "reports", "exploits", "metric", "best")


@click.command("list")
@format_option
@storage_option
@told
def command(storage: Path | None, kind: str) -> None:
    """List the runs of a storage folder, the newest first.

    \b
    pbtune list
    pbtune list -f json | jq '.[] | select(.state == "training") | .run'
    pbtune list --storage /data/runs -f csv > runs.csv

    The exit code is 0 also if there are none; a run that can't be read is named on standard error.
    """  # noqa: D301  click reads the escape
    root = storage_root(storage)
    found = [it for path in find_all(root) for it in _rows(path)]
    runs = [row for _, row in sorted(found, key=itemgetter(0), reverse=True)]
    if kind == "json":
        click.echo(as_json(runs))
    elif kind == "csv":
        click.echo(as_csv(runs, COLUMNS))
    elif runs:
        print_table([{**row, "created": str(row["created"])[:-3]} for row in runs], str(root))
    else:
        click.echo(f"{root} has no runs.")


def _rows(run_dir: Path) -> list[tuple[float, dict[str, object]]]:
    """When it began, and its row; nothing for a run that can't be read, which stderr names."""
    try:
        with JournalReader(run_dir) as reader:
            population = Population(reader)
    except PbtuneError as error:
        click.echo(str(error), err=True)
        return []
    look = population.look()
    score = math.nan if look.best is None else look.best.score
    created = population.view.header.created_at
    values = (
        run_dir.name,
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created)),
        state_of(run_dir, look),
        len(look.members),
        look.report_count,
        look.exploit_count,
        look.metric,
        None if math.isnan(score) else score,
    )
    return [(created, dict(zip(COLUMNS, values, strict=True)))]
