"""The picture of diversity: whether the population still searches, or has become one lineage."""

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

from pbtune.errors import SettingsError
from pbtune.reporting.plots import style
from pbtune.reporting.plots.data import Data, Run, Scale, at, hyperparameters, read, scale
from pbtune.reporting.plots.data import starts as starts_of
from pbtune.reporting.plots.style import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SAMPLES: Final = 120
_LINES: Final = ("-", "--", ":", "-.")


def plot_diversity(run: Run, axes: "Axes | None" = None) -> "Axes":
    """Draw how much the members still differ, over the training steps.

    Three panels: the spread of each hyperparameter, as a share of its spread at the beginning (log
    scale where the domain is; of categories, the chance that two members differ); the number of
    living lineages; and greediness, the share of the members that descend from the first member
    with the most descendants. One lineage and a greediness of 1 is a population that only refines.

    Args:
        run: The run's folder, or its results; it may still be training.
        axes: Where to draw; a new figure's if it is left out.

    Returns:
        The axes, which the panels are children of.

    Raises:
        NoResult: If nothing was reported yet.
        SettingsError: If no hyperparameter differs, or without matplotlib.
    """
    style.library()
    data = read(run)
    names = hyperparameters(data.view)
    if not names:
        message = f"{data.view.header.name}: no hyperparameter differs between members"
        raise SettingsError(message)
    axes = style.axes_or_new(axes, 9.0, 6.0)
    spread, lineages, greediness = style.panels(axes, 3)
    steps, present = _population(data)
    for place, name in enumerate(names):
        values = _spreads(data, scale(data.view, name), present)
        color = style.OKABE_ITO[place % len(style.OKABE_ITO)]
        line = _LINES[place // len(style.OKABE_ITO) % len(_LINES)]
        spread.step(steps, values, where="post", color=color, ls=line, lw=1.6, label=plain(name))
    spread.set_ylabel("spread")
    spread.set_ylim(bottom=0)
    style.legend(spread, ncols=3)
    counts = [Counter(data.view.founders.get(key, key[0]) for key in keys) for keys in present]
    lineages.step(steps, [len(it) for it in counts], where="post", color=style.WINNER)
    lineages.set_ylabel("living lineages")
    lineages.set_ylim(bottom=0)
    lineages.locator_params(axis="y", integer=True)
    shares = [max(it.values()) / it.total() for it in counts]
    greediness.step(steps, shares, where="post", color=style.OKABE_ITO[4])
    greediness.set_ylabel("greediness")
    greediness.set_ylim(0, 1.05)
    greediness.set_xlabel("training steps, counted along the lineage")
    axes.set_title(plain(f"{data.view.header.name}: diversity"), fontsize="medium", loc="left")
    return axes


def _population(data: Data) -> tuple[list[int], list[list[tuple[str, int]]]]:
    """Steps, and at each the segments that trained there: of each member the last one."""
    spans = [(series.key, start, max(series.steps)) for series, start in starts_of(data)]
    end = max(stop for _, _, stop in spans)
    steps = sorted({max(1, round(end * at_ / _SAMPLES)) for at_ in range(_SAMPLES + 1)})
    present: list[list[tuple[str, int]]] = []
    for step in steps:
        there = sorted(key for key, start, stop in spans if start < step <= stop)
        present.append([*dict(there).items()])
    kept = [(step, keys) for step, keys in zip(steps, present, strict=True) if keys]
    return [step for step, _ in kept], [keys for _, keys in kept]


def _spreads(data: Data, how: Scale, present: list[list[tuple[str, int]]]) -> list[float]:
    """The spread at each step, as a share of the first one; that of categories as it is."""
    values = [[how.even(at(data.config(key), how.name)) for key in keys] for keys in present]
    if how.levels:
        return [_chance_to_differ(it) for it in values]
    spreads = [_deviation(it) for it in values]
    first = next((it for it in spreads if it > 0), 1.0)
    return [it / first for it in spreads]


def _chance_to_differ(values: list[float]) -> float:
    counts = Counter(values)
    return 1 - sum((count / len(values)) ** 2 for count in counts.values())


def _deviation(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return math.nan
    mean = sum(finite) / len(finite)
    return math.sqrt(sum((value - mean) ** 2 for value in finite) / len(finite))
