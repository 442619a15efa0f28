"""The picture of a schedule by itself: one panel a hyperparameter, over the training steps.

``reporting/plots/schedule.py`` draws a run's, with the other members behind it; this needs no run.
"""

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pbtune.reporting.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_INCHES, _PANEL_INCHES, _TITLE_INCHES = 9.0, 1.7, 1.2
_LOG_RATIO: Final = 10
"""Values that span more than this are drawn on a logarithmic scale."""


def draw(
    title: str,
    edges: Sequence[float],
    series: Mapping[str, Sequence[object]],
    path: str | os.PathLike[str] | None,
) -> "Figure":
    """Draw steps: ``series[name][i]`` holds from ``edges[i]`` to ``edges[i + 1]``.

    Raises:
        SettingsError: Without matplotlib, or if the picture can't be written.
    """
    figure = style.figure(_WIDTH_INCHES, _TITLE_INCHES + _PANEL_INCHES * len(series))
    axes = figure.add_subplot()
    panels = style.panels(axes, len(series))
    for panel, (name, values) in zip(panels, series.items(), strict=True):
        _panel(panel, name, edges, values)
    panels[-1].set_xlabel("training steps")
    axes.set_title(style.plain(title), fontsize="medium", loc="left")
    if path is not None:
        style.save(figure, path)
    return figure


def _panel(axes: "Axes", name: str, edges: Sequence[float], values: Sequence[object]) -> None:
    numbers = [float(it) for it in values if _is_number(it)]
    is_numeric = len(numbers) == len(values)
    shown: list[Any] = numbers if is_numeric else [style.plain(style.short(it)) for it in values]
    # A step's value stands to the left of its edge, so the first one is given twice.
    axes.step(edges, [shown[0], *shown], where="pre", color=style.WINNER, lw=2.0)
    axes.set_ylabel(style.plain(name))
    finite = [it for it in numbers if math.isfinite(it)]
    if is_numeric and finite and min(finite) > 0 and max(finite) > _LOG_RATIO * min(finite):
        axes.set_yscale("log")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
