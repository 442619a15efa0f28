"""``pbtune story``: what happened, a line a record."""

import time
from pathlib import Path

import click

from pbtune.cli.runs import find, storage_option, told
from pbtune.core.events import Reported
from pbtune.core.story import concerns, story_line
from pbtune.journal.reader import JournalReader


@click.command("story")
@click.argument("run")
@click.argument("trial", required=False)
@click.option(
    "--reports", is_flag=True, help="Also the reports that decided nothing by themselves."
)
@storage_option
@told
def command(run: str, trial: str | None, reports: bool, storage: Path | None) -> None:  # noqa: FBT001  click's way
    """Tell what happened in RUN, or to one TRIAL of it: a line a record, with its number."""
    with JournalReader(find(run, storage)) as reader:
        begun = reader.header.created_at
        for entry in reader.entries():
            if trial is not None and not concerns(entry.record, trial):
                continue
            if isinstance(entry.record, Reported) and not reports:
                continue
            click.echo(f"{entry.id:>7}  {_clock(entry.at - begun)}  {story_line(entry.record)}")


def _clock(seconds: float) -> str:
    whole = time.strftime("%H:%M:%S", time.gmtime(max(0.0, seconds)))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}"
