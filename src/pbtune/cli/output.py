"""What a verb gives: a table for people, JSON or CSV for programs."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Final

import click

FORMATS: Final = ("table", "json", "csv")
TEXT_COLUMNS: Final = frozenset({"run", "created", "state", "metric", "trial", "status", "parent"})

format_option = click.option(
    "-f",
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="For people, or for programs.",
)


def as_json(value: object) -> str:
    """JSON that every reader takes: a number that JSON doesn't have is null."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def as_csv(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> str:
    """Rows under a header; what is missing is empty."""
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return file.getvalue().removesuffix("\n")


def _cell(value: object) -> object:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return json.dumps(value, default=str) if isinstance(value, (dict, list, tuple)) else value


def print_table(rows: Sequence[Mapping[str, object]], title: str) -> None:
    """Rows for people: words to the left, numbers to the right."""
    from rich.console import Console  # noqa: PLC0415  heavy
    from rich.table import Table  # noqa: PLC0415  heavy

    table = Table(title=title, title_justify="left", title_style="", box=None, padding=(0, 1, 0, 0))
    for name in rows[0]:
        is_text = name in TEXT_COLUMNS
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    Console(markup=False, emoji=False, highlight=False).print(table)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
