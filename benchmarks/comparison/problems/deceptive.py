"""B2, two toys after Chebykin et al. (TMLR 2025): in one greed is right, in the other a trap.

    theta <- theta (1 - 0.002 max(2 - h - penalty, 0)),    score = 1.2 - theta^2

Plain: no penalty, so the least h is always best. Deceptive: 0.2 times the sum over all blocks of 20
steps of how far h was from a line that falls from 1 to 0. A small h pays now; the penalty stays
with the weights' whole lineage. Within a block the penalty counts the block's mean so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, final

import numpy as np

from benchmarks.comparison.problems.base import Array, Bound, Job, Problem
from pbtune import tune

BLOCK = 20
MARK_COUNT = 20
TOTAL = 1000
RATE, REACH, TOP, THETA, PENALTY = 0.002, 2.0, 1.2, 0.9, 0.2
H_LEAST, H_MOST = 1e-4, 1.1
GRID = np.linspace(H_LEAST, H_MOST, 221)


@dataclass(frozen=True)
class Walker:
    """One member: its parameter, the blocks' deviations so far, and this block's sum and count.

    ``age`` counts its steps: who begins anew begins with the first block.
    """

    theta: float = THETA
    age: int = 0
    past: float = 0.0
    block_sum: float = 0.0
    block_count: int = 0


def target(step: int) -> float:
    """Where h should be in the block of a step."""
    return 1.0 - (step // BLOCK) * BLOCK / TOTAL


def walked(walker: Walker, h: float, steps: int, weight: float) -> Walker:
    """The member after steps under one h."""
    theta, past = walker.theta, walker.past
    total, count = walker.block_sum, walker.block_count
    for step in range(walker.age, walker.age + steps):
        total += abs(h - target(step))
        count += 1
        pull = REACH - h - weight * (past + total / count)
        theta *= 1.0 - RATE * max(pull, 0.0)
        if count == BLOCK:
            past, total, count = past + total / BLOCK, 0.0, 0
    return Walker(theta, walker.age + steps, past, total, count)


def score_of(walker: Walker) -> float:
    """The score of a member."""
    return TOP - walker.theta**2


class _Toy(Problem):
    total = TOTAL
    intervals = (10, 20, 50)
    main_interval = 20
    space: ClassVar = {"h": tune.uniform(H_LEAST, H_MOST)}
    decays = ("h",)
    weight: ClassVar[float]

    def begin(self, index: int) -> Any:
        del index
        return Walker()

    def train(self, jobs: Sequence[Job]) -> list[Any]:
        return [
            walked(job.state, job.config["h"], job.end - job.start, self.weight) for job in jobs
        ]

    def score(self, state: Any) -> float:
        return score_of(state)


@final
class Plain(_Toy):
    name = "B2 plain"
    title = "the plain toy, by the area under its curve"
    weight = 0.0
    uses_area = True
    population = 8

    @classmethod
    def bounds(cls, seeds: Sequence[int]) -> list[Bound]:
        """All the same: the least h is best for any interval."""
        del seeds
        walker, step, area = Walker(), TOTAL // MARK_COUNT, 0.0
        for _ in range(MARK_COUNT):
            walker = walked(walker, H_LEAST, step, cls.weight)
            area += score_of(walker) / MARK_COUNT
        return [Bound("best constant, and optimal schedule", area)]


@final
class Deceptive(_Toy):
    name = "B2 deceptive"
    title = "the deceptive toy"
    weight = PENALTY

    @classmethod
    def bounds(cls, seeds: Sequence[int]) -> list[Bound]:
        del seeds
        constants = [score_of(walked(Walker(), float(h), TOTAL, PENALTY)) for h in GRID]
        greedy = [
            Bound(f"greedy oracle, interval {interval}", greedy_score(PENALTY, interval))
            for interval in cls.intervals
        ]
        return [
            Bound("best constant", max(constants)),
            *greedy,
            Bound("optimal schedule", optimal_score(PENALTY)),
        ]


def greedy_score(weight: float, interval: int) -> float:
    """The score of who always takes the h that is best for the next interval."""
    walker = Walker()
    for start in range(0, TOTAL, interval):
        steps = min(interval, TOTAL - start)
        walker = max((walked(walker, float(h), steps, weight) for h in GRID), key=score_of)
    return score_of(walker)


def _scored(values: Array, weight: float) -> float:
    walker = Walker()
    for h in values:
        walker = walked(walker, float(h), BLOCK, weight)
    return score_of(walker)


@cache
def optimal_score(weight: float) -> float:
    """The score of the best h for each block, by coordinate search from the line."""
    values = np.array([min(max(target(step), H_LEAST), H_MOST) for step in range(0, TOTAL, BLOCK)])
    best = _scored(values, weight)
    while True:
        before = best
        for at in range(len(values) - 1, -1, -1):
            for h in (H_LEAST, values[at] - 0.01, values[at] + 0.01):
                tried = values.copy()
                tried[at] = min(max(h, H_LEAST), H_MOST)
                found = _scored(tried, weight)
                if found > best:
                    values, best = tried, found
        if best - before < 1e-7:  # noqa: PLR2004  nothing moves any more
            return best
