"""``pbtune list``: the runs of a storage folder."""

import json
import time
from operator import itemgetter
from pathlib import Path

import click

from pbtune.cli.runs import storage_option, storage_root, told
from pbtune.errors import PbtuneError
from pbtune.journal.reader import DATABASE, JournalReader
from pbtune.reporting.snapshot import RunView
from pbtune.reporting.terminal import scores


@click.command("list")
@storage_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for programs.")
@told
def command(storage: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's way
    """List the runs of a storage folder, the newest first."""
    root = storage_root(storage)
    found = [it for path in root.glob(f"*/{DATABASE}") for it in _rows(path.parent)]
    runs = [row for _, row in sorted(found, key=itemgetter(0), reverse=True)]
    if as_json:
        click.echo(json.dumps(runs, indent=2))
        return
    if not runs:
        click.echo(f"{root} has no runs.")
        return
    from rich.console import Console  # noqa: PLC0415  heavy
    from rich.table import Table  # noqa: PLC0415  heavy

    table = Table(title=str(root), title_justify="left")
    for name in runs[0]:
        table.add_column(name, justify="left" if name in {"run", "created", "state"} else "right")
    for row in runs:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(markup=False, emoji=False, highlight=False).print(table)


def _rows(run_dir: Path) -> list[tuple[float, dict[str, object]]]:
    """When it began, and its row; nothing for a run that can't be read, which stderr names."""
    try:
        with JournalReader(run_dir) as reader, reader.snapshot():
            view = RunView(reader)
            best = max(scores(view, reader), default=None, key=itemgetter(0))
            count = reader.report_count()
    except PbtuneError as error:
        click.echo(str(error), err=True)
        return []
    score = None
    if best is not None:
        score = f"{-best[0] if view.header.mode == 'min' else best[0]:.5g}"
    created = view.header.created_at
    row: dict[str, object] = {
        "run": run_dir.name,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created)),
        "state": "ended" if view.is_ended else "not ended",
        "members": len(view.trials),
        "reports": count,
        "exploits": len(view.exploits),
        "metric": view.header.metric,
        "best": score,
    }
    return [(created, row)]
