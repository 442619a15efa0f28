"""B3, the problem of the PBT function example without its noise: the best lr is a triangle.

As in the example the gain of a step is a draw from [0, 1) over the ratio to the best rate. The
example's noise is left out: it adds to the accuracy itself, so that selection alone, under one
constant rate, does as well as population based training.
"""

import random
from collections.abc import Sequence
from statistics import mean
from typing import Any, ClassVar, final

import numpy as np

from benchmarks.comparison.problems.base import Bound, Job, Problem
from benchmarks.comparison.triangle_rule import LR_DOMAIN, best_lr, stepped
from pbtune import tune

BOUND_SEEDS = 20


@final
class Triangle(Problem):
    name = "B3"
    title = "the example's triangle, without noise"
    total = 200
    population = 8
    intervals = (4, 10, 20)
    main_interval = 4
    space: ClassVar = {"lr": tune.uniform(*LR_DOMAIN)}
    decays = ("lr",)

    def begin(self, index: int) -> Any:
        del index
        return 0.0

    def train(self, jobs: Sequence[Job]) -> list[Any]:
        return [_trained(job) for job in jobs]

    def score(self, state: Any) -> float:
        return state

    @classmethod
    def bounds(cls, seeds: Sequence[int]) -> list[Bound]:
        streams = [random.Random(f"triangle/{seed}") for seed in [*seeds, *range(BOUND_SEEDS)]]
        draws = [[stream.random() for _ in range(cls.total)] for stream in streams]
        constants = [
            mean(_run(float(lr), drawn) for drawn in draws) for lr in np.geomspace(*LR_DOMAIN, 60)
        ]
        oracle = mean(_run(None, drawn) for drawn in draws)
        selected = mean(_selected(seed, cls.population, cls.total) for seed in range(BOUND_SEEDS))
        return [
            Bound("best constant, one member", max(constants)),
            Bound("best rate at each step, one member", oracle),
            Bound("best rate and selection, 8 members", selected),
        ]


def _trained(job: Job) -> float:
    stream, accuracy = random.Random(repr(job.stream)), job.state
    for _ in range(job.start, job.end):
        accuracy = stepped(accuracy, job.config["lr"], stream.random())
    return accuracy


def _run(lr: float | None, draws: Sequence[float]) -> float:
    accuracy = 0.0
    for draw in draws:
        accuracy = stepped(accuracy, best_lr(accuracy) if lr is None else lr, draw)
    return accuracy


def _selected(seed: int, members: int, total: int) -> float:
    """The best rate at each step, and at each interval the last quarter copies the first."""
    stream = random.Random(f"selected/{seed}")
    accuracies = [0.0] * members
    for step in range(1, total + 1):
        accuracies = [stepped(it, best_lr(it), stream.random()) for it in accuracies]
        if step % Triangle.intervals[0] == 0:
            accuracies.sort(reverse=True)
            quarter = members // 4
            accuracies[-quarter:] = accuracies[:quarter]
    return max(accuracies)
