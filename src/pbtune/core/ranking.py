"""The total order of a population: NaN last, ties by trial order.

``sorted`` with NaN in it gives an order that depends on the input's, so the key says it all.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import TypeVar

Entry = tuple[bool, float, int, str]
"""(is a number, score, index, trial id): ascending, so that the worst come first."""

T = TypeVar("T", bound=tuple[object, ...])


def entry(score: float, index: int, trial: str) -> Entry:
    """The place of one trial in the order. Scores are oriented: larger is better."""
    if math.isnan(score):
        return (False, 0.0, index, trial)
    return (True, score, index, trial)


def added(entries: Sequence[T], new: T) -> list[T]:
    """A sorted copy with one entry more."""
    copy = list(entries)
    insort(copy, new)
    return copy


def removed(entries: Sequence[T], old: T) -> list[T]:
    """A sorted copy without one entry; the same entries if it isn't there."""
    copy = list(entries)
    at = bisect_left(copy, old)
    if at < len(copy) and copy[at] == old:
        del copy[at]
    return copy


def quantile_size(population: int, fraction: float) -> int:
    """How many trials count as the bottom, and as the top (as in Tune).

    Args:
        population: Trials with a rank, >= 0.
        fraction: Share of the population, in [0, 0.5].

    Returns:
        A count in [0, population // 2]. 0 means that nobody is replaced.
    """
    if population <= 1:
        return 0
    size = math.ceil(population * fraction)
    return min(size, population // 2)


def quantiles(entries: Sequence[Entry], fraction: float) -> tuple[list[Entry], list[Entry]]:
    """The bottom and the top of a ranking, each worst first."""
    size = quantile_size(len(entries), fraction)
    # entries[-0:] would be everyone, so index from the front.
    return list(entries[:size]), list(entries[len(entries) - size :])
