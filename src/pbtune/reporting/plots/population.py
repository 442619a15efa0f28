"""The picture of a run: scores and hyperparameters of all members, copies, and the winner's path.

One figure, one x-axis: steps along the lineage, so that a copy goes on where its donor stood.
"""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pbtune.errors import SettingsError
from pbtune.reporting.plots import style
from pbtune.reporting.plots.data import Data, Run, Scale, at, read, scale
from pbtune.reporting.plots.style import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINKS_MAX: Final = 400
"""More exploits than this are drawn as a sample: a picture of them all would be grey."""
_FAINT_FROM: Final = 40
"""From so many members on, each line is fainter."""
_WIDTH_INCHES, _SCORE_INCHES, _PANEL_INCHES = 10.0, 3.6, 2.2


def plot_run(
    run: Run,
    path: str | os.PathLike[str] | None = None,
    compare: Mapping[str, str] | None = None,
) -> "Figure":
    """Draw a run, also one that is still training.

    Args:
        run: The run's folder, or its results.
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
    style.library()
    compare = dict(compare or {})
    data = read(run, tuple(compare.values()))
    scales = _scales(data, compare)
    figure = style.figure(_WIDTH_INCHES, _SCORE_INCHES + _PANEL_INCHES * len(scales))
    ratios = [_SCORE_INCHES, *[_PANEL_INCHES] * len(scales)]
    grid: Any = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)
    axes: list[Axes] = [row[0] for row in grid]
    colors = style.member_colors(data)
    _draw_scores(axes[0], data, colors)
    for place, how in enumerate(scales):
        _draw_hyperparameter(axes[place + 1], data, how, colors)
        if how.name in compare:
            _draw_compared(axes[place + 1], data, compare[how.name])
    axes[-1].set_xlabel("training steps, counted along the lineage")
    figure.suptitle(plain(_title(data)), fontsize="medium")
    if path is not None:
        style.save(figure, path)
    return figure


def _scales(data: Data, compare: dict[str, str]) -> list[Scale]:
    view = data.view
    names = [*view.header.mutated]
    for name, metric in compare.items():
        if name not in names:
            if all(at(config, name) is None for config in view.configs.values()):
                known = ", ".join(sorted({key for it in view.configs.values() for key in it}))
                message = f"compare: no config has {name!r}; there are {known}"
                raise SettingsError(message)
            names.append(name)
        if all(math.isnan(value) for it in data.series.values() for value in it.values[metric]):
            known = ", ".join(data.keys)
            message = f"compare: no report has the number {metric!r}; there are {known}"
            raise SettingsError(message)
    return [scale(view, name) for name in names]


def _title(data: Data) -> str:
    view = data.view
    title = f"{view.header.name}: {len(view.trials)} members, {len(view.exploits)} exploits"
    return f"{title}; {data.winner} won" if data.pieces else title


def _draw_scores(axes: "Axes", data: Data, colors: Mapping[str, Any]) -> None:
    alpha = 0.75 if len(colors) < _FAINT_FROM else 0.35
    for it in data.series.values():
        values = it.values[data.metric]
        axes.plot(it.steps, values, color=colors[it.trial], lw=0.9, alpha=alpha)
    _draw_links(axes, data)
    steps, values = data.along(data.metric)
    if steps:
        axes.plot(steps, values, color=style.WINNER, lw=2.0, label="the winner's lineage", zorder=5)
    label = "copied from its donor"
    axes.plot([], [], color=style.LINK, lw=0.9, ls=":", marker="o", ms=3, label=label)
    axes.set_ylabel(plain(data.metric))
    axes.legend(loc="best", fontsize="small", frameon=False)
    axes.grid(alpha=0.25)


def _draw_links(axes: "Axes", data: Data) -> None:
    exploits = data.view.exploits
    points = {
        key: dict(zip(it.steps, it.values[data.metric], strict=True))
        for key, it in data.series.items()
    }
    stride = max(1, math.ceil(len(exploits) / LINKS_MAX))
    alpha = 0.8 if stride == 1 else 0.4
    for exploit in exploits[::stride]:
        record = exploit.record
        donor = points.get((record.donor, data.view.savings[record.checkpoint].segment), {})
        copy = points.get((record.trial, exploit.segment - 1), {})
        if record.step in donor and record.old_step in copy:
            xs = [record.step, record.old_step]
            ys = [donor[record.step], copy[record.old_step]]
            axes.plot(xs, ys, color=style.LINK, lw=0.7, ls=":", alpha=alpha, zorder=1)
            axes.plot(xs[1:], ys[1:], color=style.LINK, marker="o", ms=2.5, alpha=alpha, zorder=1)


def _draw_hyperparameter(axes: "Axes", data: Data, how: Scale, colors: Mapping[str, Any]) -> None:
    alpha = 0.6 if len(colors) < _FAINT_FROM else 0.35
    drawn: list[float] = []
    for it in data.series.values():
        level = how.place(at(data.config(it.key), how.name))
        drawn.append(level)
        span = [min(it.steps) - 1, max(it.steps)]
        axes.plot(span, [level, level], color=colors[it.trial], lw=1.0, alpha=alpha)
    steps: list[float] = []
    values: list[float] = []
    for piece in data.pieces:
        level = how.place(at(data.config((piece.trial, piece.segment)), how.name))
        steps += [piece.start_step, data.last_step(piece)]
        values += [level, level]
    if steps:
        label = "the winner's schedule"
        axes.plot(steps, values, color=style.WINNER, lw=2.0, label=label, zorder=5)
    style.apply_scale(axes, how, drawn)
    axes.grid(alpha=0.25)


def _draw_compared(axes: "Axes", data: Data, metric: str) -> None:
    steps, values = data.along(metric)
    label = plain(metric)
    axes.plot(steps, values, color=style.COMPARED, lw=1.4, ls="--", label=label, zorder=6)
    axes.legend(loc="best", fontsize="small", frameon=False)
