"""Interquartile means, bootstrap intervals, paired differences and the probability of improvement.

After Agarwal et al. (2021, arXiv:2108.13264). The unit is a whole population's run: seeds are
resampled, and within each task, so that no task counts more by chance. Seeds are paired: the same
one gives the same first configs, weights and data to every method.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
RESAMPLE_COUNT = 5000
COVERAGE = (2.5, 97.5)
TRIM = 4
"""A quarter is left out at each end."""


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def iqm(values: Array) -> Array:
    """The mean of the middle half along the last axis; of fewer than four values the plain mean."""
    count = values.shape[-1]
    cut = count // TRIM
    return np.sort(values, axis=-1)[..., cut : count - cut].mean(axis=-1)


def _resampled(count: int, rng: np.random.Generator) -> Array:
    return rng.integers(0, count, (RESAMPLE_COUNT, count))


def _estimate(value: float, resampled: Array) -> Estimate:
    low, high = np.percentile(resampled, COVERAGE)
    return Estimate(value, float(low), float(high))


def interquartile(tasks: Sequence[Sequence[float]]) -> Estimate:
    """The interquartile mean over all runs of all tasks, by a stratified bootstrap.

    Args:
        tasks: The scores of each task's runs.
    """
    rng = np.random.default_rng(0)
    arrays = [np.asarray(task, dtype=float) for task in tasks]
    resampled = [array[_resampled(len(array), rng)] for array in arrays]
    value = float(iqm(np.concatenate(arrays)))
    return _estimate(value, iqm(np.concatenate(resampled, axis=1)))


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """The mean of paired differences, ours minus theirs."""
    gaps = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    rng = np.random.default_rng(1)
    return _estimate(float(gaps.mean()), gaps[_resampled(len(gaps), rng)].mean(axis=1))


def improvement(tasks: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Estimate:
    """The probability that a run of ours beats one of theirs, a mean over tasks; ties count half.

    Args:
        tasks: Our scores and theirs, larger is better.
    """
    rng = np.random.default_rng(3)
    values: list[float] = []
    resampled = np.zeros(RESAMPLE_COUNT)
    for ours, theirs in tasks:
        left, right = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
        wins = (left[:, None] > right[None, :]) + 0.5 * (left[:, None] == right[None, :])
        values.append(float(wins.mean()))
        # Of a bootstrap only the counts matter: how often each run was drawn.
        counts, others = (
            rng.multinomial(len(it), np.full(len(it), 1 / len(it)), RESAMPLE_COUNT) / len(it)
            for it in (left, right)
        )
        resampled += ((counts @ wins) * others).sum(axis=1)
    return _estimate(float(np.mean(values)), resampled / len(tasks))
