"""A run as HTML: what notebooks and the report show. Text is escaped, and no script is needed."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from pbtune.journal.reader import JournalReader
from pbtune.reporting import words
from pbtune.reporting.population import Look, Member, Population

ROWS_MAX: Final = 20
_SPARK_WIDTH, _SPARK_HEIGHT = 160, 28

STYLE: Final = """
.pbtune { font: 14px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
.pbtune table { border-collapse: collapse; margin: 6px 0; }
.pbtune th, .pbtune td { padding: 1px 12px 1px 0; text-align: left; white-space: nowrap; }
.pbtune th.n, .pbtune td.n { text-align: right; }
.pbtune thead th { border-bottom: 1px solid currentColor; }
.pbtune tr.gap td { opacity: 0.65; font-style: italic; }
.pbtune tr.best td { font-weight: 600; }
.pbtune ul { margin: 4px 0; padding-left: 20px; }
.pbtune .warn { border-left: 4px solid #d55e00; padding-left: 8px; }
.pbtune progress { width: 240px; vertical-align: middle; accent-color: #0072b2; }
.pbtune svg { vertical-align: middle; }
"""
"""For a fragment; it takes the page's colours, so that it can be read in a dark notebook too."""


def fragment(body: str) -> str:
    """A piece of a page that brings its own looks."""
    return f'<style>{STYLE}</style><div class="pbtune">{body}</div>'


def run(look: Look, row_count: int = ROWS_MAX) -> str:
    """A run at one moment: how far it is, its best member, the population, copies, warnings."""
    parts = [head(look), population(look, row_count)]
    if look.exploits:
        parts.append(items(reversed(look.exploits)))
    parts.append(warnings(look))
    return "".join(parts)


def of_folder(run_dir: Path) -> str:
    """A run's fragment, by its folder; it may still be training."""
    with JournalReader(run_dir) as reader:
        return fragment(run(Population(reader).look()))


def head(look: Look) -> str:
    """How long, how much, how far, and the best score with its history."""
    told = [
        words.duration(look.elapsed_s),
        words.reports(look),
        f"{look.exploit_count:,} exploits",
        words.states(look),
    ]
    if look.slot_count and not look.is_ended:
        told.append(f"slots {look.slots_used}/{look.slot_count}")
    if look.halted is not None:
        told.append(f"halted: {look.halted}")
    parts = [f"<div><b>{escape(look.name)}</b> {escape(' · '.join(told))}</div>"]
    if look.share is not None and not look.is_ended:
        left = "" if look.left_s is None else f", about {words.duration(look.left_s)} left"
        bar = f'<progress value="{look.share:.4f}" max="1"></progress>'
        parts.append(f"<div>{bar} {look.share:.0%}{escape(left)}</div>")
    if look.best is not None and look.metric is not None:
        best = f"best {look.metric} {words.score(look.best.score)} ({look.best.id})"
        parts.append(f"<div>{escape(best)} {sparkline(look.history)}</div>")
    return "".join(parts)


def population(look: Look, row_count: int) -> str:
    """The members as a table, the best first; more than ``row_count`` are summed up."""
    chosen = words.chosen(look.members, row_count)
    metric = look.metric or "score"
    names = ["trial", "status", "step", metric, *look.mutated, "from", "failures"]
    numeric = {2, 3, len(names) - 1}
    parts = [row(names, numeric, tag="th")]
    groups = (
        ("", chosen.best),
        ("recently changed", chosen.recent),
        ("the worst", chosen.worst),
    )
    for label, members in groups:
        if label and members:
            parts.append(_gap(label, len(names)))
        for member in members:
            is_best = look.best is not None and member.id == look.best.id
            parts.append(row(_cells(look, member), numeric, kind="best" if is_best else ""))
    if chosen.others:
        parts.append(_gap(words.rest(chosen.others), len(names)))
    return f"<table><thead>{parts[0]}</thead><tbody>{''.join(parts[1:])}</tbody></table>"


def _cells(look: Look, member: Member) -> list[str]:
    return [
        member.id,
        member.status.value.lower(),
        str(member.step),
        words.score(member.score),
        *(words.text(member.config, name) for name in look.mutated),
        member.parent or "",
        str(member.failures or ""),
    ]


def _gap(text: str, count: int) -> str:
    return f'<tr class="gap"><td colspan="{count}">{escape(text)}</td></tr>'


def row(
    cells: Sequence[str], numeric: Iterable[int] = (), *, tag: str = "td", kind: str = ""
) -> str:
    """A row of a table; the cells at ``numeric`` stand to the right."""
    right = set(numeric)
    made = "".join(
        f"<{tag}{' class=n' if at in right else ''}>{escape(cell)}</{tag}>"
        for at, cell in enumerate(cells)
    )
    return f"<tr class={kind}>{made}</tr>" if kind else f"<tr>{made}</tr>"


def pairs(facts: Mapping[str, object]) -> str:
    """Names and values as a table."""
    rows = "".join(row([name, str(value)]) for name, value in facts.items())
    return f"<table><tbody>{rows}</tbody></table>"


def items(texts: Iterable[str]) -> str:
    """Texts as a list."""
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def warnings(look: Look) -> str:
    """What the user should know, if there is anything."""
    return f'<div class="warn">{items(look.warnings)}</div>' if look.warnings else ""


def sparkline(values: Sequence[float]) -> str:
    """A small curve; nothing if there is no number."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    height = _SPARK_HEIGHT - 4
    points: list[str] = []
    for at, value in enumerate(finite):
        x = 2 + (_SPARK_WIDTH - 4) * at / max(1, len(finite) - 1)
        # The difference of two finite numbers may not be: halves are.
        share = 0.5 if low == high else (value / 2 - low / 2) / (high / 2 - low / 2)
        points.append(f"{x:.1f},{2 + height * (1 - share):.1f}")
    told = f"from {finite[0]:.5g} to {finite[-1]:.5g}"
    return (
        f'<svg width="{_SPARK_WIDTH}" height="{_SPARK_HEIGHT}" role="img" aria-label="{told}">'
        f'<polyline points="{" ".join(points)}" fill="none" stroke="#0072b2" stroke-width="1.5"/>'
        f"</svg>"
    )
