"""The picture of a run: scores and hyperparameters of all members, copies, and the winner's path.

One figure, one x-axis: steps along the lineage, so that a copy goes on where its donor stood.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pbtune.errors import NoResult, SettingsError
from pbtune.journal.reader import JournalReader, StoredReport
from pbtune.reporting.lineage import Piece, lineage, number, winner
from pbtune.reporting.snapshot import RunView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINKS_MAX: Final = 400
"""More exploits than this are drawn as a sample: a picture of them all would be grey."""
_WIDTH_INCHES, _SCORE_INCHES, _PANEL_INCHES = 10.0, 3.6, 2.2
_DPI: Final = 130
_WINNER: Final = "#111111"
_COMPARED: Final = "#d62728"
_LINK: Final = "#8c8c8c"


class _Series(msgspec.Struct, frozen=True):
    """One segment's points."""

    trial: str
    segment: int
    steps: list[int]
    metrics: list[dict[str, object]]


class _Drawing(msgspec.Struct, frozen=True):
    """What all panels need."""

    view: RunView
    series: list[_Series]
    colors: dict[str, Any]
    pieces: list[Piece]


def plot_run(
    run_dir: Path,
    path: str | Path | None = None,
    compare: Mapping[str, str] | None = None,
) -> "Figure":
    """Draw a run, also one that is still training.

    Args:
        run_dir: The run's folder.
        path: Where to write the picture; its ending chooses the format. None writes nothing.
        compare: {hyperparameter: metric}: draws a reported metric over a hyperparameter, along the
            winner's lineage.

    Returns:
        The matplotlib figure.

    Raises:
        NoResult: If nothing was reported yet.
        SettingsError: If ``compare`` names what the run doesn't have, if the picture can't be
            written, or without matplotlib.
    """
    try:
        from matplotlib import colormaps  # noqa: PLC0415  optional
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  optional
        from matplotlib.figure import Figure  # noqa: PLC0415  optional
    except ImportError as error:
        message = "pictures need matplotlib: pip install 'pbtune[plot]'"
        raise SettingsError(message) from error
    drawing = _read(run_dir, colormaps)
    paths = _paths(drawing.view, dict(compare or {}), drawing.series)
    figure = Figure(
        figsize=(_WIDTH_INCHES, _SCORE_INCHES + _PANEL_INCHES * len(paths)), layout="constrained"
    )
    FigureCanvasAgg(figure)
    ratios = [_SCORE_INCHES, *[_PANEL_INCHES] * len(paths)]
    grid: Any = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)
    axes: list[Axes] = [row[0] for row in grid]
    _draw_scores(axes[0], drawing)
    for at, name in enumerate(paths):
        _draw_hyperparameter(axes[at + 1], drawing, name, (compare or {}).get(name))
    axes[-1].set_xlabel("training steps, counted along the lineage")
    figure.suptitle(_title(drawing), fontsize="medium")
    if path is not None:
        try:
            figure.savefig(str(path), dpi=_DPI)
        except (OSError, ValueError) as error:
            message = f"the picture can't be written to {path}: {error}"
            raise SettingsError(message) from error
    return figure


def _read(run_dir: Path, colormaps: Mapping[str, Any]) -> _Drawing:
    with JournalReader(run_dir) as reader, reader.snapshot():
        view = RunView(reader)
        series = _series(reader)
        best = winner(view, reader)
    if not series:
        message = f"{run_dir} has no reports yet: there is nothing to draw"
        raise NoResult(message)
    wheel = colormaps["tab10" if len(view.trials) <= 10 else "viridis"]  # noqa: PLR2004
    count = max(10, len(view.trials))
    colors = {trial.id: wheel(trial.index % count / (count - 1)) for trial in view.trials}
    pieces = [] if best is None else lineage(view, best.id)
    return _Drawing(view, series, colors, pieces)


def _paths(view: RunView, compare: dict[str, str], series: list[_Series]) -> list[str]:
    paths = list(view.header.mutated)
    for name, metric in compare.items():
        if name not in paths:
            if all(_at(config, name) is None for config in view.configs.values()):
                known = ", ".join(sorted({key for it in view.configs.values() for key in it}))
                message = f"compare: no config has {name!r}; there are {known}"
                raise SettingsError(message)
            paths.append(name)
        if all(math.isnan(number(row, metric)) for it in series for row in it.metrics):
            known = ", ".join(sorted(series[0].metrics[0]))
            message = f"compare: no report has the number {metric!r}; there are {known}"
            raise SettingsError(message)
    return paths


def _series(reader: JournalReader) -> list[_Series]:
    grouped: dict[tuple[str, int], list[StoredReport]] = {}
    for report in reader.reports():
        grouped.setdefault((report.trial, report.segment), []).append(report)
    return [
        _Series(trial, segment, [it.step for it in rows], [it.metrics() for it in rows])
        for (trial, segment), rows in grouped.items()
    ]


def _title(drawing: _Drawing) -> str:
    view = drawing.view
    title = f"{view.header.name}: {len(view.trials)} members, {len(view.exploits)} exploits"
    return f"{title}; {drawing.pieces[-1].trial} won" if drawing.pieces else title


def _draw_scores(axes: "Axes", drawing: _Drawing) -> None:
    metric = drawing.view.header.metric
    if metric is None:
        names = [key for key, value in drawing.series[0].metrics[0].items() if _is_number(value)]
        metric = names[0] if names else "training_iteration"
    points: dict[tuple[str, int], dict[int, float]] = {}
    for it in drawing.series:
        values = [number(row, metric) for row in it.metrics]
        points[it.trial, it.segment] = dict(zip(it.steps, values, strict=True))
        axes.plot(it.steps, values, color=drawing.colors[it.trial], lw=0.9, alpha=0.75)
    _draw_links(axes, drawing.view, points)
    steps, values = _along(drawing, metric)
    if steps:
        axes.plot(steps, values, color=_WINNER, lw=2.0, label="the winner's lineage", zorder=5)
    axes.plot([], [], color=_LINK, lw=0.9, ls=":", marker="o", ms=3, label="copied from its donor")
    axes.set_ylabel(metric)
    axes.legend(loc="best", fontsize="small", frameon=False)
    axes.grid(alpha=0.25)


def _draw_links(
    axes: "Axes", view: RunView, points: dict[tuple[str, int], dict[int, float]]
) -> None:
    exploits = view.exploits
    stride = max(1, math.ceil(len(exploits) / LINKS_MAX))
    for exploit in exploits[::stride]:
        record = exploit.record
        donor = points.get((record.donor, view.savings[record.checkpoint].segment), {})
        copy = points.get((record.trial, exploit.segment - 1), {})
        if record.step in donor and record.old_step in copy:
            xs = [record.step, record.old_step]
            ys = [donor[record.step], copy[record.old_step]]
            axes.plot(xs, ys, color=_LINK, lw=0.7, ls=":", alpha=0.8, zorder=1)
            axes.plot(xs[1:], ys[1:], color=_LINK, marker="o", ms=2.5, alpha=0.8, zorder=1)


def _along(drawing: _Drawing, metric: str) -> tuple[list[int], list[float]]:
    """A metric along the winner's lineage."""
    steps: list[int] = []
    values: list[float] = []
    for piece in drawing.pieces:
        for it in drawing.series:
            if (it.trial, it.segment) != (piece.trial, piece.segment):
                continue
            for step, row in zip(it.steps, it.metrics, strict=True):
                if piece.start_step < step <= piece.end_step:
                    steps.append(step)
                    values.append(number(row, metric))
    return steps, values


def _draw_hyperparameter(axes: "Axes", drawing: _Drawing, name: str, compared: str | None) -> None:
    view = drawing.view
    levels = _levels(view, name)
    for it in drawing.series:
        level = _level(_at(view.configs[it.trial, it.segment], name), levels)
        span = [min(it.steps) - 1, max(it.steps)]
        axes.plot(span, [level, level], color=drawing.colors[it.trial], lw=1.0, alpha=0.6)
    steps: list[float] = []
    values: list[float] = []
    for piece in drawing.pieces:
        level = _level(_at(view.configs[piece.trial, piece.segment], name), levels)
        end = min(piece.end_step, _last_step(drawing, piece))
        steps += [piece.start_step, end]
        values += [level, level]
    if steps:
        label = "the winner's schedule"
        axes.plot(steps, values, color=_WINNER, lw=2.0, label=label, zorder=5)
    if compared is not None:
        xs, ys = _along(drawing, compared)
        axes.plot(xs, ys, color=_COMPARED, lw=1.4, ls="--", label=compared, zorder=6)
        axes.legend(loc="best", fontsize="small", frameon=False)
    if levels:
        axes.set_yticks(range(len(levels)), [str(level) for level in levels])
    elif view.header.domains.get(name, {}).get("log"):
        axes.set_yscale("log")
    axes.set_ylabel(name)
    axes.grid(alpha=0.25)


def _last_step(drawing: _Drawing, piece: Piece) -> int:
    for it in drawing.series:
        if (it.trial, it.segment) == (piece.trial, piece.segment):
            return max(it.steps)
    return piece.start_step


def _levels(view: RunView, name: str) -> list[object]:
    """The values of a hyperparameter that is no number, in order of appearance; else none."""
    values = [_at(config, name) for config in view.configs.values()]
    if all(_is_number(value) for value in values):
        return []
    return [value for at, value in enumerate(values) if value not in values[:at]]


def _level(value: object, levels: list[object]) -> float:
    if levels:
        return float(levels.index(value))
    return float(value) if isinstance(value, (int, float)) else math.nan


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _at(config: object, path: str) -> object:
    value = config
    for key in path.split("/"):
        value = value.get(key) if isinstance(value, dict) else None
    return value
