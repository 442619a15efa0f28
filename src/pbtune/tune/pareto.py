"""The result of several objectives: the members that nobody dominates."""

import math
from collections.abc import Sequence

from pbtune.core.pareto import fronts
from pbtune.reporting.lineage import number
from pbtune.tune.results import Result, ResultGrid
from pbtune.tune.schedulers.mo_pbt import paired


def pareto_set(results: ResultGrid, metric: Sequence[str], mode: Sequence[str]) -> list[Result]:
    """The results whose last report nobody else's dominates.

    Args:
        results: What ``fit`` gave.
        metric: At least two metrics.
        mode: "max" or "min" for each.

    Returns:
        Results in trial order. Those that lack a metric, or have NaN in one, are left out.

    Raises:
        SettingsError: If metrics and modes don't belong together.
    """
    pairs = paired(metric, mode)
    points: list[tuple[float, ...]] = []
    found: list[Result] = []
    for result in results:
        values = [number(result.metrics or {}, name) for name, _ in pairs]
        if not any(map(math.isnan, values)):
            signs = [-1 if direction == "min" else 1 for _, direction in pairs]
            points.append(tuple(a * b for a, b in zip(signs, values, strict=True)))
            found.append(result)
    return [found[index] for index in fronts(points)[0]] if found else []
