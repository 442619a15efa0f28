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
    lines = [
        list(zip(it.steps, it.values[data.metric], strict=True)) for it in data.series.values()
    ]
    shades = [colors[it.trial] for it in data.series.values()]
    style.draw_lines(axes, lines, colors=shades, width=0.9, alpha=alpha)
    for line, shade in zip(lines, shades, strict=True):
        if len(line) == 1:
            axes.plot(*line[0], color=shade, marker="o", ms=2, alpha=alpha)
    _draw_links(axes, data)
    steps, values = data.along(data.metric)
    if steps:
        axes.plot(steps, values, color=style.WINNER, lw=2.0, label="the winner's lineage", zorder=5)
    axes.set_ylabel(plain(data.metric))
    axes.legend(loc="best", fontsize="small", frameon=False)
    axes.grid(alpha=0.25)


def _draw_links(axes: "Axes", data: Data) -> None:
    links = _links(data)
    stride = max(1, math.ceil(len(links) / LINKS_MAX))
    alpha = 0.8 if stride == 1 else 0.4
    links = links[::stride]
    dotted = {"linestyles": ":", "zorder": 1}
    style.draw_lines(axes, links, colors=style.LINK, width=0.7, alpha=alpha, **dotted)
    ends = [link[1] for link in links]
    dots = {"color": style.LINK, "alpha": alpha, "ls": "none", "marker": "o", "ms": 2.5}
    axes.plot([it[0] for it in ends], [it[1] for it in ends], zorder=1, **dots)
    label = "copied from its donor"
    axes.plot([], [], color=style.LINK, lw=0.9, ls=":", marker="o", ms=3, label=label)


def _links(data: Data) -> list[list[tuple[float, float]]]:
    """Of each exploit, where its donor stood and where the copy had stood."""
    points = {
        key: dict(zip(it.steps, it.values[data.metric], strict=True))
        for key, it in data.series.items()
    }
    links: list[list[tuple[float, float]]] = []
    for exploit in data.view.exploits:
        record = exploit.record
        donor = points.get((record.donor, data.view.savings[record.checkpoint].segment), {})
        copy = points.get((record.trial, exploit.segment - 1), {})
        if record.step in donor and record.old_step in copy:
            start = (float(record.step), donor[record.step])
            links.append([start, (float(record.old_step), copy[record.old_step])])
    return links


def _draw_hyperparameter(axes: "Axes", data: Data, how: Scale, colors: Mapping[str, Any]) -> None:
    alpha = 0.6 if len(colors) < _FAINT_FROM else 0.35
    places = [how.place(at(data.config(it.key), how.name)) for it in data.series.values()]
    lines = [
        [(min(it.steps) - 1.0, level), (float(max(it.steps)), level)]
        for it, level in zip(data.series.values(), places, strict=True)
    ]
    shades = [colors[it.trial] for it in data.series.values()]
    style.draw_lines(axes, lines, colors=shades, width=1.0, alpha=alpha)
    steps: list[float] = []
    values: list[float] = []
    for piece in data.pieces:
        level = how.place(at(data.config((piece.trial, piece.segment)), how.name))
        steps += [piece.start_step, data.last_step(piece)]
        values += [level, level]
    if steps:
        label = "the winner's schedule"
        axes.plot(steps, values, color=style.WINNER, lw=2.0, label=label, zorder=5)
    style.apply_scale(axes, how, places)
    axes.grid(alpha=0.25)


def _draw_compared(axes: "Axes", data: Data, metric: str) -> None:
    steps, values = data.along(metric)
    label = plain(metric)
    axes.plot(steps, values, color=style.COMPARED, lw=1.4, ls="--", label=label, zorder=6)
    axes.legend(loc="best", fontsize="small", frameon=False)
