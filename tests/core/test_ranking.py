import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbtune.core.ranking import added, entry, quantile_size, quantiles, removed

SCORES = st.lists(st.floats(), max_size=12)


def ranked(scores):
    return sorted(entry(score, at, f"t{at}") for at, score in enumerate(scores))


def names(entries):
    return [name for *_, name in entries]


@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_depends_on_scores_and_trial_order_alone(scores, rng: random.Random):
    entries = [entry(score, at, f"t{at}") for at, score in enumerate(scores)]
    shuffled = rng.sample(entries, len(entries))
    assert sorted(shuffled) == sorted(entries)


@given(SCORES)
def test_ranking_is_a_total_order(scores):
    entries = ranked(scores)
    for low, high in itertools.pairwise(entries):
        assert low < high
        assert not high < low
    assert len(set(entries)) == len(scores)


@given(SCORES)
def test_nan_ranks_below_every_number(scores):
    are_numbers = [is_number for is_number, *_ in ranked(scores)]
    assert are_numbers == sorted(are_numbers)
    assert are_numbers.count(False) == sum(map(math.isnan, scores))


def test_minus_infinity_is_better_than_nan_and_infinity_is_best():
    assert names(ranked([math.inf, 0.0, math.nan, -math.inf])) == ["t2", "t3", "t1", "t0"]


def test_among_equals_the_first_member_is_the_worst_as_in_tune():
    assert names(ranked([1.0, 1.0, 1.0])) == ["t0", "t1", "t2"]
    assert names(ranked([math.nan, math.nan])) == ["t0", "t1"]


def test_ties_are_broken_by_number_and_not_by_name():
    assert names(ranked([1.0] * 11)) == [f"t{at}" for at in range(11)]


@given(SCORES, st.data())
def test_adding_one_by_one_gives_the_sorted_order_and_removing_undoes_it(scores, data):
    entries = []
    for one in data.draw(st.permutations(ranked(scores))):
        entries, before = added(entries, one), entries
        assert removed(entries, one) == before
    assert entries == ranked(scores)


@pytest.mark.parametrize("absent", [0.5, 9.0, math.nan])
def test_removing_what_is_not_there_changes_nothing(absent):
    entries = ranked([0.0, 1.0])
    assert removed(entries, entry(absent, 5, "t5")) == entries


def test_a_ranking_that_is_handed_out_never_changes():
    entries = ranked([0.0, 1.0])
    before = list(entries)
    added(entries, entry(0.5, 2, "t2"))
    removed(entries, entries[0])
    assert entries == before


def tune_quantile_size(population: int, fraction: float) -> int:
    """As Ray Tune 2.60 writes it, in _quantiles."""
    if population <= 1:
        return 0
    size = math.ceil(population * fraction)
    if size > population / 2:
        size = math.floor(population / 2)
    return size


@given(st.integers(0, 300), st.floats(0, 0.5))
def test_quantiles_are_as_large_as_tunes(population, fraction):
    assert quantile_size(population, fraction) == tune_quantile_size(population, fraction)


@pytest.mark.parametrize(
    ("population", "size"),
    [(0, 0), (1, 0), (2, 1), (4, 1), (5, 2), (8, 2), (9, 3), (12, 3), (13, 4), (16, 4)],
)
def test_a_quarter_rounds_up(population, size):
    assert quantile_size(population, 0.25) == size


@given(SCORES, st.floats(0, 0.5))
def test_bottom_and_top_share_nobody_and_everyone_between_them_lies_between(scores, fraction):
    entries = ranked(scores)
    bottom, top = quantiles(entries, fraction)
    assert len(bottom) == len(top) == quantile_size(len(scores), fraction)
    middle = entries[len(bottom) : len(entries) - len(top)]
    assert [*bottom, *middle, *top] == entries


def test_a_fraction_of_nothing_selects_nobody():
    assert quantiles(ranked([1.0, 2.0, 3.0]), 0.0) == ([], [])
