"""B1, the noisy quadratic model (Wu et al. 2018, arXiv:1803.02021): greed is wrong.

The expected risk of SGD on a quadratic with gradient noise: a high learning rate leaves a floor of
noise, a low one is slow, and what lowers the loss at once isn't what lowers it in the end. Nothing
is drawn, so differences between runs come from the search alone.

    A_i <- (1 - a h_i)^2 A_i + a^2 h_i,    loss = 1/2 sum h_i A_i,    h_i = 1/i, i <= 100

Means of the errors are kept beside their second moments A: weights begin at 0 and should get to 1,
so that a restart which shrinks them costs what it would cost in training.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, final

import numpy as np

from benchmarks.comparison.problems.base import Array, Bound, Job, Problem, column, in_groups
from pbtune import tune

CURVATURES = 1.0 / np.arange(1, 101)
LR_LEAST, LR_MOST = 1e-3, 1.0
SHRINK = 0.2
GRID = np.geomspace(LR_LEAST, LR_MOST, 400)


def stepped(risks: Array, rates: Array) -> Array:
    """One step of members, (members, 100), under learning rates, (members,)."""
    moved = rates[:, None] * CURVATURES
    return (1.0 - moved) ** 2 * risks + rates[:, None] * moved


def loss_of(risks: Array) -> Array:
    """The losses of members."""
    return 0.5 * (risks @ CURVATURES)


@final
class Quadratic(Problem):
    name = "B1"
    title = "noisy quadratic"
    mode = "min"
    total = 1000
    intervals = (5, 20, 50)
    main_interval = 50
    space: ClassVar = {"lr": tune.loguniform(LR_LEAST, LR_MOST)}
    decays = ("lr",)
    has_restarts = True

    def begin(self, index: int) -> Any:
        del index
        return np.ones(len(CURVATURES)), -np.ones(len(CURVATURES)), 0

    def train(self, jobs: Sequence[Job]) -> list[Any]:
        return in_groups(jobs, _trained)

    def score(self, state: Any) -> float:
        return float(loss_of(state[0][None])[0])

    @classmethod
    def bounds(cls, seeds: Sequence[int]) -> list[Bound]:
        del seeds
        greedy = [
            Bound(f"greedy oracle, interval {interval}", greedy_loss(interval))
            for interval in cls.intervals
        ]
        return [
            Bound("best constant", float(_ends(GRID, cls.total).min())),
            *greedy,
            Bound("optimal schedule", optimal_loss()),
        ]


def _trained(jobs: list[Job], start: int, end: int) -> list[Any]:
    risks = np.stack([job.state[0] for job in jobs])
    means = np.stack([job.state[1] for job in jobs])
    restarts = [int(job.config.get("restarts", 0)) for job in jobs]
    for at, job in enumerate(jobs):
        if restarts[at] > job.state[2]:
            # The error e of weights 1 + e becomes that of SHRINK (1 + e), fresh ones being 0.
            far = 1.0 - SHRINK
            risks[at] = SHRINK**2 * risks[at] - 2 * SHRINK * far * means[at] + far**2
            means[at] = SHRINK * means[at] - far
    rates = column(jobs, "lr")
    for _ in range(start, end):
        risks = stepped(risks, rates)
    means *= (1.0 - rates[:, None] * CURVATURES) ** (end - start)
    return list(zip(risks, means, restarts, strict=True))


def _ends(rates: Array, steps: int, risks: Array | None = None) -> Array:
    """The losses after steps under each constant rate, from the same risks."""
    first = np.ones(len(CURVATURES)) if risks is None else risks
    now = np.repeat(first[None], len(rates), axis=0)
    for _ in range(steps):
        now = stepped(now, rates)
    return loss_of(now)


def greedy_loss(interval: int) -> float:
    """The loss of who always takes the rate that is best for the next interval."""
    risks = np.ones(len(CURVATURES))
    for _ in range(Quadratic.total // interval):
        best = GRID[int(np.argmin(_ends(GRID, interval, risks)))]
        for _ in range(interval):
            risks = stepped(risks[None], np.array([best]))[0]
    return float(loss_of(risks[None])[0])


def loss_and_slope(rates: Array) -> tuple[float, Array]:
    """The final loss of a schedule, one rate a step, and its gradient."""
    path = [np.ones(len(CURVATURES))]
    for rate in rates:
        path.append(stepped(path[-1][None], np.array([rate]))[0])
    back, slope = 0.5 * CURVATURES, np.empty(len(rates))
    for at in range(len(rates) - 1, -1, -1):
        kept = 1.0 - rates[at] * CURVATURES
        slope[at] = back @ (-2.0 * CURVATURES * kept * path[at] + 2.0 * rates[at] * CURVATURES)
        back = back * kept**2
    return float(loss_of(path[-1][None])[0]), slope


@cache
def optimal_schedule() -> tuple[float, ...]:
    """One rate a step, by L-BFGS over their logarithms."""
    from scipy.optimize import minimize  # noqa: PLC0415  only the bound needs it

    def aim(logs: Array) -> tuple[float, Array]:
        loss, slope = loss_and_slope(np.exp(logs))
        return loss, slope * np.exp(logs)

    first = np.log(np.geomspace(0.9, 0.01, Quadratic.total))
    reach = [(np.log(LR_LEAST), np.log(LR_MOST))] * Quadratic.total
    found = minimize(
        aim, first, jac=True, method="L-BFGS-B", bounds=reach, options={"maxiter": 300}
    )
    return tuple(np.exp(found.x))


def optimal_loss() -> float:
    """The loss under the optimal schedule."""
    return loss_and_slope(np.array(optimal_schedule()))[0]
