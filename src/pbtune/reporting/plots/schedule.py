"""The picture of a schedule: what the winner, or another member, trained with at each step."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from pbtune.errors import NoResult, SettingsError
from pbtune.reporting.lineage import lineage
from pbtune.reporting.plots import style
from pbtune.reporting.plots.data import Data, Run, Scale, at, hyperparameters, read, scale
from pbtune.reporting.plots.style import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_schedule(
    run: Run,
    axes: "Axes | None" = None,
    *,
    trial: str | None = None,
    keys: Sequence[str] | None = None,
) -> "Axes":
    """Draw the hyperparameters that led to a result, one panel each, over the training steps.

    The range that the other members were in is grey behind it.

    Args:
        run: The run's folder, or its results; it may still be training.
        axes: Where to draw; a new figure's if it is left out.
        trial: Whose schedule; the winner's if it is left out.
        keys: The hyperparameters; those that the run mutates if it is left out.

    Returns:
        The axes, which the panels are children of.

    Raises:
        NoResult: If there is no such trial or no winner.
        SettingsError: If there is nothing to draw, or without matplotlib.
    """
    style.library()
    data = _of(read(run), trial)
    names = list(keys) if keys is not None else hyperparameters(data.view)
    if not names:
        message = f"{data.view.header.name} mutates nothing: name the keys to draw"
        raise SettingsError(message)
    scales = [scale(data.view, name) for name in names]
    axes = style.axes_or_new(axes, 9.0, 1.2 + 1.7 * len(names))
    made = style.panels(axes, len(names))
    for panel, how in zip(made, scales, strict=True):
        _draw(panel, data, how)
    style.legend(made[0])
    made[-1].set_xlabel("training steps")
    name = data.view.header.name
    axes.set_title(plain(f"{name}: the schedule of {data.winner}"), fontsize="medium", loc="left")
    return axes


def _of(data: Data, trial: str | None) -> Data:
    trials = data.view.experiment.trials
    if trial is None:
        if not data.pieces:
            message = f"{data.view.header.name} has no winner so far: name a trial"
            raise NoResult(message)
        return data
    if trial not in trials:
        message = f"{data.view.header.name} has no trial {trial!r}; it has {', '.join(trials)}"
        raise NoResult(message)
    return msgspec.structs.replace(data, pieces=lineage(data.view, trial))


def _draw(axes: "Axes", data: Data, how: Scale) -> None:
    edges = [0, *(data.last_step(piece) for piece in data.pieces)]
    configs = [data.config((piece.trial, piece.segment)) for piece in data.pieces]
    values = [how.place(at(config, how.name)) for config in configs]
    # A step's value stands to the left of its edge, so the first one is given twice.
    axes.step(edges, [values[0], *values], where="pre", color=style.WINNER, lw=2.0, zorder=5)
    others = [] if how.levels else _draw_others(axes, data, how, edges[-1])
    style.apply_scale(axes, how, [*values, *others])


def _draw_others(axes: "Axes", data: Data, how: Scale, end: int) -> list[float]:
    """The band that nine of ten members were in; its edges."""
    spans = [
        (min(it.steps) - 1, max(it.steps), how.place(at(data.config(it.key), how.name)))
        for it in data.series.values()
    ]
    steps = sorted({round(end * share / 50) for share in range(51)})
    low: list[float] = []
    high: list[float] = []
    for step in steps:
        there = sorted(
            value
            for start, stop, value in spans
            if start <= step <= stop and value == value  # noqa: PLR0124  not NaN
        )
        cut = len(there) // 20
        low.append(there[cut] if there else math.nan)
        high.append(there[-1 - cut] if there else math.nan)
    label = "nine of ten members"
    axes.fill_between(steps, low, high, color=style.QUIET, alpha=0.4, lw=0, label=label)
    return [it for it in [*low, *high] if math.isfinite(it)]
