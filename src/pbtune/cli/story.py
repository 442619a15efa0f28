"""``pbtune story``: what happened, a line a record."""

import json
import time
from pathlib import Path

import click

from pbtune.cli.output import as_csv, format_option
from pbtune.cli.runs import find, run_argument, storage_option, told
from pbtune.core.events import Reported
from pbtune.core.exact import encode_record
from pbtune.core.story import concerns, story_line
from pbtune.journal.base import Entry
from pbtune.journal.reader import JournalReader


@click.command("story")
@run_argument
@click.argument("trial", required=False)
@click.option(
    "--reports", is_flag=True, help="Also the reports that decided nothing by themselves."
)
@format_option
@storage_option
@told
def command(run: str, trial: str | None, reports: bool, kind: str, storage: Path | None) -> None:  # noqa: FBT001  click's way
    """Tell what happened in RUN, or to one TRIAL of it: a line a record, with its number.

    \b
    pbtune story pbt_function | grep '←'   the copies
    pbtune story pbt_function t3           what happened to t3
    pbtune story pbt_function -f json      a JSON object a line, with all of the record

    As CSV, the columns are id, at_s (since the run began), kind, trial and text.
    """  # noqa: D301  click reads the escape
    names = ("id", "at_s", "kind", "trial", "text")
    with JournalReader(find(run, storage)) as reader:
        begun = reader.header.created_at
        if kind == "csv":
            click.echo(as_csv([], names))
        for entry in reader.entries():
            if trial is not None and not concerns(entry.record, trial):
                continue
            if isinstance(entry.record, Reported) and not reports:
                continue
            row = _row(entry, begun)
            if kind == "json":
                record = json.loads(encode_record(entry.record))
                click.echo(json.dumps({**row, "record": record}, ensure_ascii=False))
            elif kind == "csv":
                click.echo(as_csv([row], names).partition("\n")[2])
            else:
                click.echo(f"{entry.id:>7}  {_clock(entry.at - begun)}  {row['text']}")


def _row(entry: Entry, begun: float) -> dict[str, object]:
    return {
        "id": entry.id,
        "at_s": round(entry.at - begun, 3),
        "kind": type(entry.record).__struct_config__.tag,
        "trial": getattr(entry.record, "trial", None),
        "text": story_line(entry.record),
    }


def _clock(seconds: float) -> str:
    whole = time.strftime("%H:%M:%S", time.gmtime(max(0.0, seconds)))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}"
