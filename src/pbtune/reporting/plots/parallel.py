"""The picture of configs: each member a line across its hyperparameters, coloured by its score."""

import math
from typing import TYPE_CHECKING, Final

from pbtune.errors import NoResult, SettingsError
from pbtune.reporting.plots import style
from pbtune.reporting.plots.data import Data, Run, Scale, at, hyperparameters, read, scale
from pbtune.reporting.plots.style import plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TICKS: Final = 5
_FAINT_FROM: Final = 30


def plot_parallel(run: Run, axes: "Axes | None" = None) -> "Axes":
    """Draw where the members ended: one column a hyperparameter, the score last.

    The lightest is the best, and the winner's line is black.

    Args:
        run: The run's folder, or its results; it may still be training.
        axes: Where to draw; a new figure's if it is left out.

    Raises:
        NoResult: If no member has a score.
        SettingsError: If no hyperparameter differs, or without matplotlib.
    """
    style.library()
    data = read(run)
    names = hyperparameters(data.view)
    if not names:
        message = f"{data.view.header.name}: no hyperparameter differs between members"
        raise SettingsError(message)
    scores = data.last_scores()
    if not scores:
        message = f"{data.view.header.name}: no member has a score by {data.metric!r}"
        raise NoResult(message)
    scales = [scale(data.view, name) for name in names]
    axes = style.axes_or_new(axes, max(7.0, 2.0 * len(names) + 2.0), 4.8)
    trials = [trial for trial in data.view.trials if trial.id in scores]
    rows = [[how.even(at(trial.config, how.name)) for how in scales] for trial in trials]
    rows = [[*row, scores[trial.id]] for row, trial in zip(rows, trials, strict=True)]
    ends = [_ends([row[place] for row in rows]) for place in range(len(names) + 1)]
    _draw_lines(axes, data, [trial.id for trial in trials], _shares(rows, ends))
    for place, how in enumerate([*scales, Scale(data.metric)]):
        _draw_column(axes, place, how, ends[place])
    axes.set_xlim(-0.35, len(names) + 0.55)
    axes.set_ylim(-0.06, 1.06)
    axes.set_xticks(range(len(names) + 1), [plain(name) for name in [*names, data.metric]])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="x", length=0)
    style.legend_above(axes, f"{data.view.header.name}: where {len(rows)} members ended")
    return axes


def _ends(values: list[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _shares(rows: list[list[float]], ends: list[tuple[float, float]]) -> list[list[float]]:
    return [
        [(value - low) / (high - low) for value, (low, high) in zip(row, ends, strict=True)]
        for row in rows
    ]


def _draw_lines(axes: "Axes", data: Data, trials: list[str], shares: list[list[float]]) -> None:
    scores = data.last_scores()
    norm, colors = style.score_norm(list(scores.values()), is_falling=data.is_falling)
    alpha = 0.9 if len(trials) < _FAINT_FROM else 0.45
    width = 1.8 if len(trials) < _FAINT_FROM else 0.9
    # The best last, on top.
    order = sorted(range(len(trials)), key=lambda at_: scores[trials[at_]], reverse=data.is_falling)
    for place in order:
        trial = trials[place]
        won = trial == data.winner
        axes.plot(
            range(len(shares[place])),
            shares[place],
            color=style.WINNER if won else colors(norm(scores[trial])),
            alpha=1.0 if won else alpha,
            lw=2.2 if won else width,
            label=f"{trial}, the winner" if won else None,
            zorder=5 if won else 3,
        )
    style.color_bar(axes, norm, colors, plain(data.metric))


def _draw_column(axes: "Axes", place: int, how: Scale, ends: tuple[float, float]) -> None:
    axes.axvline(place, color="#444444", lw=0.8, zorder=2)
    low, high = ends
    if how.levels:
        ticks = [(float(at_), short(level)) for at_, level in enumerate(how.levels)]
        ticks = [(value, text) for value, text in ticks if low <= value <= high]
    else:
        values = [low + (high - low) * at_ / (_TICKS - 1) for at_ in range(_TICKS)]
        ticks = [(it, f"{10**it if how.is_log else it:.3g}") for it in values]
    for value, text in ticks:
        axes.text(
            place + 0.03,
            (value - low) / (high - low),
            plain(text),
            fontsize="x-small",
            va="center",
            zorder=6,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
        )
