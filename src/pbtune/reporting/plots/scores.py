"""The picture of scores: every member's over the training steps, and the winner's lineage."""

import math
from typing import TYPE_CHECKING, Final

from pbtune.reporting.plots import style
from pbtune.reporting.plots.data import Data, Run, read
from pbtune.reporting.plots.style import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED_MAX: Final = 8
"""Up to so many members have a colour and a name each; more are a crowd with its quartiles."""


def plot_scores(run: Run, axes: "Axes | None" = None) -> "Axes":
    """Draw each member's score over the training steps, counted along its lineage.

    With more than 8 members they are grey, with the median and the middle half of them in colour.

    Args:
        run: The run's folder, or its results; it may still be training.
        axes: Where to draw; a new figure's if it is left out.

    Raises:
        NoResult: If nothing was reported yet.
        SettingsError: Without matplotlib.
    """
    style.library()
    data = read(run)
    axes = style.axes_or_new(axes)
    if len(data.view.trials) <= NAMED_MAX:
        _draw_members(axes, data)
    else:
        _draw_crowd(axes, data)
    steps, values = data.along(data.metric)
    if steps:
        label = f"the lineage of {data.winner}, the winner"
        axes.plot(steps, values, color=style.WINNER, lw=2.0, label=label, zorder=5)
    axes.set_xlabel("training steps, counted along the lineage")
    axes.set_ylabel(plain(data.metric))
    title = f"{data.view.header.name}: {len(data.view.trials)} members"
    axes.set_title(plain(title), fontsize="medium", loc="left")
    style.legend(axes, ncols=2)
    axes.grid(alpha=0.25)
    return axes


def _draw_members(axes: "Axes", data: Data) -> None:
    colors = style.member_colors(data)
    named: set[str] = set()
    for it in sorted(
        data.series.values(), key=lambda it: data.view.experiment.trials[it.trial].index
    ):
        label = None if it.trial in named else it.trial
        named.add(it.trial)
        axes.plot(it.steps, it.values[data.metric], color=colors[it.trial], lw=1.2, label=label)


def _draw_crowd(axes: "Axes", data: Data) -> None:
    alpha = max(0.12, min(0.6, 20 / len(data.view.trials)))
    lines = [
        list(zip(it.steps, it.values[data.metric], strict=True)) for it in data.series.values()
    ]
    style.draw_lines(axes, lines, colors="#555555", width=0.6, alpha=alpha)
    by_step: dict[int, list[float]] = {}
    for line in lines:
        for step, value in line:
            if math.isfinite(value):
                by_step.setdefault(step, []).append(value)
    steps = sorted(by_step)
    parts = [_quartiles(by_step[step]) for step in steps]
    blue = style.OKABE_ITO[3]
    axes.fill_between(
        steps,
        [it[0] for it in parts],
        [it[2] for it in parts],
        color=blue,
        alpha=0.25,
        lw=0,
        label="the middle half",
        zorder=3,
    )
    axes.plot(steps, [it[1] for it in parts], color=blue, lw=1.6, label="the median", zorder=4)
    axes.autoscale_view()


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    ranked = sorted(values)
    last = len(ranked) - 1
    first, middle, third = (ranked[round(last * share / 4)] for share in (1, 2, 3))
    return first, middle, third
