"""What is on the terminal: a run as lines that fit its width and height.

It needs rich, so it is imported where it is used.
"""

from typing import Final

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.text import Text

from pbtune.core.trial import Status
from pbtune.reporting import words
from pbtune.reporting.population import Look, Member

ROWS_MAX: Final = 20
ROWS_MIN: Final = 4
WARNINGS_MAX: Final = 4
_CELL_MAX: Final = 14
"""Of one value; a longer one ends in …"""
_SPARK_MAX: Final = 24
_BAR_MIN, _BAR_MAX = 8, 40
_FREE_LINES: Final = 6
"""Names of columns and what isn't shown of them, two labels, members summed up, the prompt."""
_STYLES: Final = {
    Status.PENDING: "dim",
    Status.RUNNING: "green",
    Status.PAUSED: "",
    Status.DONE: "blue",
    Status.FAILED: "bold red",
}


class Column(msgspec.Struct, frozen=True):
    """One column of the population: its name, and a cell a member."""

    name: str
    cells: list[str]
    is_text: bool = False

    @property
    def size(self) -> int:
        """Its width in characters, without the space behind it."""
        return min(_CELL_MAX, max(map(cell_len, [self.name, *self.cells])))

    def cell(self, text: str) -> str:
        """A text in this width: words to the left, numbers to the right."""
        shown = _cut(text, self.size)
        if self.is_text:
            return set_cell_size(shown, self.size) + "  "
        return " " * (self.size - cell_len(shown)) + shown + "  "


def screen(look: Look, width: int, height: int | None = None) -> Group:
    """A run at one moment.

    Args:
        look: The run.
        width: Of the terminal, in characters.
        height: Of the terminal, in lines; None for as many rows as ``ROWS_MAX`` allows.
    """
    head = [*_head(look, width), *_best(look, width)]
    tail = [*_exploits(look), *_warnings(look)]
    rows = ROWS_MAX
    if height is not None:
        others = sum(_height(line, width) for line in (*head, *tail)) + _FREE_LINES
        rows = min(ROWS_MAX, max(ROWS_MIN, height - others))
    return Group(*head, *population(look, width, rows), *tail)


def population(look: Look, width: int, row_count: int) -> list[Text]:
    """The members as a table that fits ``width``: at most ``row_count``, the rest summed up."""
    parts = words.chosen(look.members, row_count)
    shown = [*parts.best, *parts.recent, *parts.worst]
    columns, left_out = _columns(look, shown, width)
    lines = [_line(*((it.cell(it.name), "bold") for it in columns))]
    labels = {
        len(parts.best): "recently changed" if parts.recent else "",
        len(parts.best) + len(parts.recent): "the worst" if parts.worst else "",
    }
    for at, member in enumerate(shown):
        if labels.get(at):
            lines.append(_line((labels[at], "dim italic")))
        lines.append(_line(*((it.cell(it.cells[at]), _style(it, member, look)) for it in columns)))
    if parts.others:
        lines.append(_line((words.rest(parts.others), "dim italic")))
    if left_out:
        lines.append(_line((f"not shown: {', '.join(left_out)}", "dim")))
    return lines


def _head(look: Look, width: int) -> list[Text]:
    """Who, how long, how much; then how far."""
    told = [words.duration(look.elapsed_s), words.reports(look), f"{look.exploit_count:,} exploits"]
    lines = [_line((look.name, "bold"), (f"  {'  '.join(told)}", ""))]
    parts = [words.states(look)]
    if look.slot_count and not look.is_ended:
        parts.append(f"slots {look.slots_used}/{look.slot_count}")
    if look.halted is not None:
        parts.append(f"halted: {look.halted}")
    if look.share is None or look.is_ended:
        return [*lines, _line(("  ".join(parts), ""))]
    after = f" {look.share:4.0%}"
    if look.left_s is not None:
        after += f"  about {words.duration(look.left_s)} left"
    after = f"{after}  {'  '.join(parts)}"
    size = max(_BAR_MIN, min(_BAR_MAX, width - len(after)))
    full = int(look.share * size)
    return [*lines, _line(("━" * full, "green"), ("─" * (size - full), "dim"), (after, ""))]


def _best(look: Look, width: int) -> list[Text]:
    best = look.best
    if best is None or look.metric is None:
        return []
    told = [f"{name} {words.text(best.config, name)}" for name in look.mutated]
    start = f"best {_cut(look.metric)} {words.score(best.score)} ({best.id})  "
    spark = words.sparkline(look.history, min(_SPARK_MAX, width - len(start)))
    return [_line((start, "bold"), (spark, "cyan"), (f"  {'  '.join(told)}", ""))]


def _columns(look: Look, members: list[Member], width: int) -> tuple[list[Column], list[str]]:
    """The columns that fit, and the hyperparameters that don't."""
    columns = [
        Column("trial", [it.id for it in members], is_text=True),
        Column("status", [it.status.value.lower() for it in members], is_text=True),
        Column("step", [str(it.step) for it in members]),
    ]
    if look.metric is not None:
        columns.append(Column(look.metric, [words.score(it.score) for it in members]))
    last = [Column("from", [it.parent or "" for it in members], is_text=True)]
    if any(it.failures for it in members):
        last.append(Column("failures", [str(it.failures or "") for it in members]))
    free = width - sum(it.size + 2 for it in [*columns, *last])
    left_out: list[str] = []
    for name in look.mutated:
        column = Column(name, [words.text(it.config, name) for it in members])
        free -= column.size + 2
        if free < 0:
            left_out.append(name)
        else:
            columns.append(column)
    return [*columns, *last], left_out


def _style(column: Column, member: Member, look: Look) -> str:
    if column.name == "status" and column.is_text:
        return _STYLES[member.status]
    if column.name == "from" and member.is_recent:
        return "magenta"
    return "bold" if look.best is not None and member.id == look.best.id else ""


def _exploits(look: Look) -> list[Text]:
    """The newest first."""
    return [_line((told, "magenta")) for told in reversed(look.exploits)]


def _warnings(look: Look) -> list[Text]:
    shown = [f"! {_plain(told)}" for told in look.warnings[:WARNINGS_MAX]]
    hidden = len(look.warnings) - WARNINGS_MAX
    if hidden > 0:
        shown.append(f"! and {hidden} more: pbtune show {_plain(look.name)}")
    return [Text(told, "yellow") for told in shown]


def _line(*parts: tuple[str, str]) -> Text:
    """One line, which is cut at the terminal's edge; text of users is never markup."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for text, style in parts:
        line.append(_plain(text), style)
    line.rstrip()
    return line


def _plain(text: str) -> str:
    """Text without what steers a terminal: a run may be a stranger's."""
    return "".join(it if it.isprintable() else "\ufffd" for it in text)


def _height(line: Text, width: int) -> int:
    return 1 if line.no_wrap else -(-line.cell_len // max(1, width))


def _cut(text: str, size: int = _CELL_MAX) -> str:
    return text if cell_len(text) <= size else f"{set_cell_size(text, size - 1)}…"
