"""Figures as tables of text: aligned on a terminal, and the same in a file or a pipe."""

from collections.abc import Mapping, Sequence

from benchmarks.measure import Goal, Measured, Table

COLUMNS = ("figure", "must", "aim", "measured", "of must", "keeps")
DIGITS = 3


def number(value: float) -> str:
    """Three digits that say something."""
    if abs(value) >= 10**DIGITS:
        return f"{value:,.0f}"
    return f"{value:#.{DIGITS}g}".rstrip(".")


def row(goal: Goal, measured: Measured | str | None) -> tuple[str, ...]:
    """One line: what must be, what should be, what is."""
    sign = ">=" if goal.more_is_better else "<="
    bounds = (f"{sign} {goal.must:g} {goal.unit}", f"{sign} {goal.aim:g}")
    if not isinstance(measured, Measured):
        return (goal.title, *bounds, "-", "-", measured or "not measured")
    value = measured.value
    shown = f"{number(value)} {goal.unit}"
    return (goal.title, *bounds, shown, f"{goal.share(value):.2f}", goal.verdict(value))


def goals_table(goals: Sequence[Goal], values: Mapping[str, Measured | str]) -> Table:
    """Every goal with its measured median. "of must" is 1 or less where the bound is kept."""
    rows = tuple(row(goal, values.get(goal.key)) for goal in goals)
    return Table("How fast", COLUMNS, rows)


def details_table(goals: Sequence[Goal], values: Mapping[str, Measured | str]) -> Table:
    """What a reader should know about each value."""
    rows: list[tuple[str, ...]] = []
    for goal in goals:
        measured = values.get(goal.key)
        if isinstance(measured, Measured) and measured.detail:
            rows.append((goal.title, measured.detail))
    return Table("In detail: median (least to most, n = runs)", ("figure", "detail"), tuple(rows))


def text_of(table: Table) -> str:
    """A table as aligned text."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(table.columns))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]
    rule = "  ".join("-" * width for width in widths)
    body = [line.rstrip() for line in (shown[0], rule, *shown[1:])]
    return "\n".join([table.title, "", *body])
