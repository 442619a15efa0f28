"""The statistics that the comparison rests on."""

import numpy as np
import pytest
from benchmarks.comparison.statistics import (
    difference,
    improvement,
    interquartile,
    iqm,
)


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert iqm(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1000.0])) == 3.5
    assert iqm(np.array([1.0, 2.0, 6.0])) == 3.0


def test_an_interval_holds_the_value_and_is_the_same_each_time():
    values = [list(np.random.default_rng(at).normal(at, 1, 20)) for at in range(3)]
    found = interquartile(values)
    assert found.low < found.value < found.high
    assert interquartile(values) == found


def test_pairing_finds_a_small_difference_between_noisy_runs():
    noise = np.random.default_rng(0).normal(0, 10, 20)
    ours = noise + 1 + np.random.default_rng(1).normal(0, 0.5, 20)
    assert difference(ours, noise).excludes_zero
    assert difference(ours, noise).value == pytest.approx(1.0, abs=0.3)
    shuffled = noise[::-1]
    assert not difference(ours, shuffled).excludes_zero


def test_no_difference_is_none():
    assert not difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).excludes_zero


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [([2.0] * 8, [1.0] * 8, 1.0), ([1.0] * 8, [2.0] * 8, 0.0), ([1.0] * 8, [1.0] * 8, 0.5)],
)
def test_the_probability_of_improvement_counts_ties_half(ours, theirs, expected):
    found = improvement([(ours, theirs)])
    assert (found.value, found.low, found.high) == pytest.approx((expected,) * 3)
