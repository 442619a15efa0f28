"""The picture of a schedule: one panel a hyperparameter, over the training steps."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pbtune.errors import SettingsError
from pbtune.tune.optional import imported

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH_INCHES, _PANEL_INCHES, _TITLE_INCHES = 8.0, 1.8, 0.8
_DPI: Final = 130
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
    need = "pictures need matplotlib"
    make: Any = imported("matplotlib.figure", need, "plot").Figure
    canvas: Any = imported("matplotlib.backends.backend_agg", need, "plot").FigureCanvasAgg
    height = _TITLE_INCHES + _PANEL_INCHES * len(series)
    figure = make(figsize=(_WIDTH_INCHES, height), layout="constrained")
    canvas(figure)
    grid = figure.subplots(len(series), 1, sharex=True, squeeze=False)
    for row, (name, values) in zip(grid, series.items(), strict=True):
        _panel(row[0], name, edges, values)
    grid[-1][0].set_xlabel("training steps")
    figure.suptitle(title, fontsize="medium")
    if path is not None:
        try:
            figure.savefig(os.fspath(path), dpi=_DPI)
        except (OSError, ValueError) as error:
            message = f"the picture can't be written to {path}: {error}"
            raise SettingsError(message) from error
    return figure


def _panel(axes: Any, name: str, edges: Sequence[float], values: Sequence[object]) -> None:  # noqa: ANN401  matplotlib's
    numbers = [float(it) for it in values if _is_number(it)]
    is_numeric = len(numbers) == len(values)
    shown: list[Any] = numbers if is_numeric else [str(it) for it in values]
    # A step's value stands to the left of its edge, so the first one is given twice.
    axes.step(edges, [shown[0], *shown], where="pre", color="#111111")
    axes.set_ylabel(name)
    finite = [it for it in numbers if math.isfinite(it)]
    if is_numeric and finite and min(finite) > 0 and max(finite) > _LOG_RATIO * min(finite):
        axes.set_yscale("log")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
