"""Interval control: how long a member trains before it is compared.

The interval is the setting of population based training that matters most (Chebykin et al., TMLR
2025): with a short one greedy copies win, and they lose in the end. A growing interval starts short
and ends long.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from pbtune.core.experiment import Experiment, Interval
from pbtune.core.trial import Trial

GENERATIONS_MANY: Final = 100
"""More than this many comparisons of a member make a run greedy; a warning says so."""


class Growth(msgspec.Struct, frozen=True):
    """When intervals grow, and by how much.

    Args:
        factor: What the interval is multiplied by, > 1.
        every: Generations between two growths, >= 1; None for no such clock.
        patience: Generations without a new best score after which the interval grows, >= 1; None
            for never.
    """

    factor: float = 2.0
    every: int | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If one is left.
        """
        counts = [count for count in (self.every, self.patience) if count is not None]
        if not self.factor > 1 or not counts or min(counts) < 1:
            message = "growth needs factor > 1, and every or patience as a count >= 1"
            raise ValueError(message)


def interval_of(trial: Trial, interval: float, growth: Growth | None) -> float:
    """The interval that a member is in.

    Args:
        trial: The member.
        interval: The scheduler's first interval.
        growth: How it grows, if it does.
    """
    length = trial.interval or interval
    if growth is None or growth.every is None:
        return length
    return length * growth.factor ** (trial.generation // growth.every)


def stale_generations(experiment: Experiment) -> int:
    """How many generations the population has been ranked without a new best score.

    Whole ones, so that the order in which a generation's members arrive doesn't matter. At a gate
    they are counted; else they are as many ranks as there are live members.
    """
    if experiment.gated_count or experiment.generation:
        return experiment.generation - experiment.improved_in
    return (experiment.ranked_count - experiment.improved_at) // max(experiment.live_count, 1)


def gate_bests(history: Sequence[Interval]) -> list[float]:
    """The best score at each gate of a synchronous population, NaN left out."""
    bests: dict[int, float] = {}
    for interval in history:
        if not math.isnan(interval.score):
            best = bests.get(interval.gate, -math.inf)
            bests[interval.gate] = max(best, interval.score)
    return list(bests.values())


def is_slow(bests: Sequence[float], window: int) -> bool:
    """Whether the last scores are less than a standard deviation of all above what came before.

    Args:
        bests: The best score of each generation, in order.
        window: How many of the last count, >= 1; with no more than these there is no verdict.
    """
    if len(bests) <= window or not all(map(math.isfinite, bests)):
        return False
    gain = max(bests[-window:]) - max(bests[:-window])
    mean = math.fsum(bests) / len(bests)
    deviation = math.sqrt(math.fsum((best - mean) ** 2 for best in bests) / len(bests))
    return gain < deviation


def generation_count(budget: float, interval: float, growth: Growth | None) -> int:
    """How many times a member is compared until its budget ends.

    Args:
        budget: Units of ``time_attr`` that it trains, >= 0.
        interval: The first interval, > 0.
        growth: How it grows; growth on stagnation can't be foreseen, and isn't counted.
    """
    if growth is None or growth.every is None:
        return math.floor(budget / interval)
    count = 0
    while interval * growth.every <= budget:
        count += growth.every
        budget -= interval * growth.every
        interval *= growth.factor
    return count + math.floor(budget / interval)
