"""The tables that reporters show: as text and as HTML, without any library."""

import html
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from pbtune.reporting.observed import ObservedTrial

Columns = Mapping[str, str] | Sequence[str]
Table = tuple[list[str], list[list[str]]]
"""Names of the columns, and the rows."""

STATUS_ORDER: Final = ("RUNNING", "PAUSED", "PENDING", "TERMINATED", "ERROR")
FILLED_IN: Final = frozenset(
    {
        *("training_iteration", "time_total_s", "time_this_iter_s", "time_since_restore"),
        *("iterations_since_restore", "timestamp", "date", "done", "trial_id", "config", "pid"),
        *("hostname", "node_ip", "checkpoint_dir_name", "should_checkpoint", "experiment_tag"),
        *("timesteps_total", "episodes_total", "timesteps_since_restore"),
    }
)
"""What a trial's result has without having been reported: never a column by itself."""


class Layout(msgspec.Struct, frozen=True):
    """What to show. ``metrics`` and ``parameters`` are {key: name}; None is no limit."""

    metrics: dict[str, str]
    parameters: dict[str, str]
    total: int | None
    row_count_max: int | None
    error_count_max: int | None
    width_max: int
    metric: str | None
    mode: str | None
    sorts: bool
    has_table: bool
    started_at: float


def inferred(trials: Sequence[ObservedTrial], shown: Collection[str], limit: int) -> list[str]:
    """The first few reported numbers that are neither shown nor filled in."""
    found: dict[str, None] = {}
    for trial in trials:
        for key, value in trial.last_result.items():
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if is_number and key not in shown and key not in FILLED_IN:
                found[key] = None
    return list(found)[:limit]


def looked_up(value: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401  whatever is there
    """What stands under a '/'-joined path; None if nothing does."""
    found: object = value
    if path in value:
        return value[path]
    for key in path.split("/"):
        found = cast("Mapping[str, Any]", found).get(key) if isinstance(found, Mapping) else None
    return found


def best(trials: Sequence[ObservedTrial], layout: Layout) -> tuple[ObservedTrial, float] | None:
    """The trial whose last result is best, with its value; the first of equals."""
    if layout.metric is None or layout.mode is None:
        return None
    found: tuple[ObservedTrial, float] | None = None
    for trial in trials:
        value = _score(trial, layout)
        if not math.isnan(value) and (found is None or value > _score(found[0], layout)):
            found = (trial, looked_up(trial.last_result, layout.metric))
    return found


def _score(trial: ObservedTrial, layout: Layout) -> float:
    """Oriented so that larger is better; NaN without a number."""
    value = looked_up(trial.last_result, layout.metric or "")
    if not isinstance(value, (int, float)):
        return math.nan
    return -float(value) if layout.mode == "min" else float(value)


def as_text(
    trials: Sequence[ObservedTrial], layout: Layout, sys_info: Sequence[str], now: float
) -> str:
    """Everything as text, for a terminal."""
    lines = ["== Status ==", *_head(trials, layout, now), *sys_info]
    parts = [_boxed(table) for table in _tables(trials, layout)]
    notes = [_hidden(trials, layout)] if layout.has_table else []
    return "\n".join([*lines, *parts[:1], *filter(None, notes), *parts[1:], ""])


def as_html(
    trials: Sequence[ObservedTrial], layout: Layout, sys_info: Sequence[str], now: float
) -> str:
    """Everything as HTML, for a notebook; what users wrote is escaped."""
    lines = [*_head(trials, layout, now), *sys_info]
    if layout.has_table:
        lines.append(_hidden(trials, layout))
    told = "<br>".join(html.escape(line) for line in lines if line)
    return f"<div>{told}{''.join(_tagged(table) for table in _tables(trials, layout))}</div>"


def _head(trials: Sequence[ObservedTrial], layout: Layout, now: float) -> list[str]:
    passed_s = max(0.0, now - layout.started_at)
    minutes, seconds = divmod(passed_s, 60)
    hours, minutes = divmod(int(minutes), 60)
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    lines = [f"Current time: {clock} (running for {hours:02}:{minutes:02}:{seconds:05.2f})"]
    leader = best(trials, layout)
    if leader is not None:
        trial, value = leader
        keys = layout.parameters or trial.evaluated_params
        params = {key: looked_up(trial.config, key) for key in keys}
        lines.append(
            f"Current best trial: {trial.trial_id} with {layout.metric}={value} and"
            f" parameters={params}"
        )
    if trials:
        counts = Counter(trial.status for trial in trials)
        states = ", ".join(f"{counts[status]} {status}" for status in sorted(counts))
        total = f"/{layout.total}" if layout.total else ""
        lines += [
            f"Result logdir: {trials[0].local_experiment_path}",
            f"Number of trials: {len(trials)}{total} ({states})",
        ]
    return lines


def _tables(trials: Sequence[ObservedTrial], layout: Layout) -> list[Table]:
    """The trials, and those that failed; none without trials."""
    if not trials or not layout.has_table:
        return []
    failed = [trial for trial in trials if trial.error is not None]
    return [_progress(trials, layout), *([_errors(failed, layout)] if failed else [])]


def _progress(trials: Sequence[ObservedTrial], layout: Layout) -> Table:
    shown = _fair(trials, layout)
    metrics = {
        key: name
        for key, name in layout.metrics.items()
        if any(looked_up(trial.last_result, key) is not None for trial in shown)
    }
    keys = sorted({key for trial in shown for key in trial.evaluated_params})
    parameters = layout.parameters or {key: key for key in keys}

    def cell(value: object) -> str:
        return shortened(value, layout.width_max)

    names = ["Trial name", "status", *map(cell, [*parameters.values(), *metrics.values()])]
    rows = [
        [
            str(trial),
            trial.status,
            *(cell(looked_up(trial.config, key)) for key in parameters),
            *(cell(looked_up(trial.last_result, key)) for key in metrics),
        ]
        for trial in shown
    ]
    return names, rows


def _errors(failed: Sequence[ObservedTrial], layout: Layout) -> Table:
    rows = [
        [str(trial), str(trial.num_failures), shortened(trial.error, 4 * layout.width_max)]
        for trial in failed[: layout.error_count_max]
    ]
    return ["Trial name", "# failures", "error"], rows


def _fair(trials: Sequence[ObservedTrial], layout: Layout) -> list[ObservedTrial]:
    """The trials by status; if they are too many, each status gets its turn."""
    groups: dict[str, list[ObservedTrial]] = {status: [] for status in STATUS_ORDER}
    for trial in trials:
        groups[trial.status].append(trial)
    if layout.sorts:
        groups["TERMINATED"].sort(key=_worst_last(layout))
    limit = len(trials) if layout.row_count_max is None else layout.row_count_max
    counts = dict.fromkeys(groups, 0)
    while limit > 0 and any(counts[status] < len(groups[status]) for status in groups):
        for status, group in groups.items():
            if limit > 0 and counts[status] < len(group):
                counts[status] += 1
                limit -= 1
    return [trial for status, group in groups.items() for trial in group[: counts[status]]]


def _worst_last(layout: Layout) -> Callable[[ObservedTrial], tuple[bool, float]]:
    def key(trial: ObservedTrial) -> tuple[bool, float]:
        score = _score(trial, layout)
        return (True, 0.0) if math.isnan(score) else (False, -score)

    return key


def _hidden(trials: Sequence[ObservedTrial], layout: Layout) -> str:
    count = 0 if layout.row_count_max is None else len(trials) - layout.row_count_max
    return f"... {count} more trials not shown" if count > 0 else ""


def shortened(value: object, width_max: int) -> str:
    """A value for a cell; text that is too long loses its beginning, as in Tune."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    text = " ".join(str(value).split("\n"))
    return text if len(text) <= width_max else f"...{text[3 - width_max :]}"


def _boxed(table: Table) -> str:
    """A table in a frame of lines; numbers to the right."""
    names, rows = table
    widths = [max(len(row[at]) for row in [names, *rows]) for at in range(len(names))]
    is_number = [all(_is_number(row[at]) for row in rows) for at in range(len(names))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, is_number, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = "+".join("-" * (width + 2) for width in widths)
    return "\n".join([f"+{rule}+", line(names), f"|{rule}|", *map(line, rows), f"+{rule}+"])


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True


def _tagged(table: Table) -> str:
    names, rows = table
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
