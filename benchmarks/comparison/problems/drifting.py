"""B4, an optimum that drifts: greed is right, and who forgets too little falls behind.

    score += 1 - sum_i w_i (x_i - x*_i(t))^2 - 0.25 (share of wrong categories)

Numbers follow sines of random phase and speed; each category's best arm changes once, in the middle
third. Nothing that was done wrong stays, so the best for the next interval is the best of all.
"""

import math
from collections.abc import Sequence
from statistics import mean
from typing import Any, ClassVar, final

import numpy as np

from benchmarks.comparison.problems.base import Array, Bound, Job, Problem
from pbtune import tune

TOTAL = 300
DIMENSIONS = 3
SWING = 0.4
SPEEDS = (0.5, 1.5)
ARMS = ("a", "b", "c", "d")
CATEGORY_COST = 0.25
CATEGORIES = 2


class _Drift(Problem):
    total = TOTAL
    intervals = (5, 10, 20)
    main_interval = 10
    category_count: ClassVar[int]

    def __init__(self, seed: int, stream: int | None = None) -> None:
        super().__init__(seed, stream)
        rng = np.random.default_rng([4, seed])
        times = np.arange(TOTAL)[:, None] / TOTAL
        speeds, phases = rng.uniform(*SPEEDS, DIMENSIONS), rng.random(DIMENSIONS)
        self.numbers: Array = 0.5 + SWING * np.sin(2 * math.pi * (speeds * times + phases))
        changes = rng.integers(TOTAL // 3, 2 * TOTAL // 3, self.category_count)
        arms = [rng.permutation(len(ARMS))[:2] for _ in range(self.category_count)]
        self.arms: Array = np.array(
            [
                [arm[int(step >= change)] for arm, change in zip(arms, changes, strict=True)]
                for step in range(TOTAL)
            ],
            dtype=int,
        ).reshape(TOTAL, self.category_count)

    def begin(self, index: int) -> Any:
        del index
        return 0.0

    def train(self, jobs: Sequence[Job]) -> list[Any]:
        return [job.state + float(self._gains(job).sum()) for job in jobs]

    def _gains(self, job: Job) -> Array:
        at = slice(job.start, job.end)
        x = np.array([job.config[f"x{i}"] for i in range(DIMENSIONS)])
        gains = 1.0 - ((x - self.numbers[at]) ** 2).mean(axis=1)
        if self.category_count:
            arms = [ARMS.index(job.config[f"c{i}"]) for i in range(self.category_count)]
            gains -= CATEGORY_COST * (np.array(arms) != self.arms[at]).mean(axis=1)
        return gains

    def score(self, state: Any) -> float:
        return state

    def best(self, interval: int) -> float:
        """What the best config for each interval reaches."""
        total = 0.0
        for start in range(0, TOTAL, interval):
            at = slice(start, min(start + interval, TOTAL))
            numbers, arms = self.numbers[at], self.arms[at]
            total += float((1.0 - numbers.var(axis=0).mean()) * len(numbers))
            for column in range(self.category_count):
                right = np.bincount(arms[:, column]).max()
                total -= CATEGORY_COST * (len(numbers) - right) / self.category_count
        return total

    @classmethod
    def bounds(cls, seeds: Sequence[int]) -> list[Bound]:
        problems = [cls(seed) for seed in seeds]
        return [
            Bound("best constant", mean(it.best(TOTAL) for it in problems)),
            *(
                Bound(
                    f"best for each interval of {interval}",
                    mean(it.best(interval) for it in problems),
                )
                for interval in cls.intervals
            ),
            Bound("optimal schedule", float(TOTAL)),
        ]


def _numbers() -> dict[str, object]:
    return {f"x{i}": tune.uniform(0.0, 1.0) for i in range(DIMENSIONS)}


def _categories() -> dict[str, object]:
    return {f"c{i}": tune.choice(list(ARMS)) for i in range(CATEGORIES)}


@final
class DriftingNumbers(_Drift):
    name = "B4 numbers"
    title = "a drifting optimum of three numbers"
    category_count = 0
    space: ClassVar = _numbers()


@final
class DriftingMixed(_Drift):
    name = "B4 mixed"
    title = "a drifting optimum of three numbers and two categories"
    category_count = CATEGORIES
    space: ClassVar = {**_numbers(), **_categories()}
