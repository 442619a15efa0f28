"""Several objectives at once: who is dominated by nobody, and an order within each front."""

import math
from collections.abc import Sequence

Values = Sequence[float]
"""One score an objective; larger is better."""


def dominates(left: Values, right: Values) -> bool:
    """Whether one is nowhere worse and somewhere better; never with NaN."""
    pairs = list(zip(left, right, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def fronts(points: Sequence[Values]) -> list[list[int]]:
    """The indices of the points in fronts, best first: each front is dominated only by former ones.

    Points with NaN, or of other length than the first, must have been left out.
    """
    beaten_by = [sum(dominates(other, point) for other in points) for point in points]
    left = set(range(len(points)))
    found: list[list[int]] = []
    while left:
        front = sorted(index for index in left if beaten_by[index] == 0)
        found.append(front)
        left -= set(front)
        for index in left:
            beaten_by[index] -= sum(dominates(points[best], points[index]) for best in front)
    return found


def scattered(points: Sequence[Values], front: Sequence[int]) -> list[int]:
    """A front from its best on the first objective on, then always the farthest from those chosen.

    Distances are in shares of the front's range, so that no objective's unit counts more. Ties go
    to the lower index.
    """
    spans: list[tuple[float, float]] = []
    for axis in range(len(points[front[0]])):
        values = [points[index][axis] for index in front]
        low, high = min(values), max(values)
        is_span = math.isfinite(high - low) and high > low
        spans.append((low, high - low) if is_span else (0.0, math.inf))
    places = {index: _scaled(points[index], spans) for index in front}
    rest = sorted(front)
    chosen = [max(rest, key=lambda index: (points[index][0], -index))]
    rest.remove(chosen[0])
    nearest = {index: math.dist(places[index], places[chosen[0]]) for index in rest}
    while rest:
        far = max(rest, key=lambda index: (nearest[index], -index))
        rest.remove(far)
        chosen.append(far)
        for index in rest:
            nearest[index] = min(nearest[index], math.dist(places[index], places[far]))
    return chosen


def _scaled(point: Values, spans: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    return tuple(
        0.0 if math.isinf(span) else (value - low) / span
        for value, (low, span) in zip(point, spans, strict=True)
    )


def best_first(points: Sequence[Values]) -> list[int]:
    """All points: front by front, each scattered."""
    return [index for front in fronts(points) for index in scattered(points, front)]
