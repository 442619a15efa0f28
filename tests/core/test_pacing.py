import math

import pytest

from pbtune.core.decisions import IntervalGrown, Ranked, Started
from pbtune.core.experiment import Experiment, Interval
from pbtune.core.pacing import (
    Growth,
    gate_bests,
    generation_count,
    interval_of,
    is_slow,
    stale_generations,
)
from pbtune.core.trial import Trial


@pytest.mark.parametrize(("generation", "expected"), [(0, 5.0), (3, 5.0), (4, 10.0), (8, 20.0)])
def test_an_interval_doubles_every_so_many_generations(generation, expected):
    trial = Trial("t0", 0, {}, generation=generation)
    assert interval_of(trial, 5.0, Growth(every=4)) == expected


def test_an_interval_that_has_grown_for_all_is_the_new_first_one():
    trial = Trial("t0", 0, {}, generation=4, interval=12.0)
    assert interval_of(trial, 5.0, None) == 12.0
    assert interval_of(trial, 5.0, Growth(every=4)) == 24.0


def test_stagnation_is_counted_in_whole_generations_since_the_last_best(population, folded):
    starts = [Started(f"t{at}", 1, at, 0, 0, 0.0) for at in range(2)]
    state = folded(*starts, state=population(2))
    for step, score in enumerate([1.0, 3.0, 2.0, 2.0, 2.0], start=1):
        state = folded(Ranked("t0", step, score, float(step), 0.0), state=state)
    assert stale_generations(state) == 1
    state = folded(Ranked("t1", 1, 3.0, 1.0, 0.0), state=state)
    assert stale_generations(state) == 2
    assert stale_generations(folded(Ranked("t1", 2, 3.1, 2.0, 0.0), state=state)) == 0


def test_growth_is_everybodys_also_of_those_who_come_later(population, folded):
    from pbtune.core.decisions import Created

    state = folded(IntervalGrown(8.0, "why"), Created("t2", 2, {}), state=population(2))
    assert {trial.interval for trial in state.trials.values()} == {8.0}


def test_a_restart_forgets_what_was_best(folded, population):
    state = folded(Started("t0", 1, 0, 0, 0, 0.0), state=population(1))
    state = folded(Ranked("t0", 1, 9.0, 1.0, 0.0, remembered=True), state=state)
    assert len(state.history) == 1
    state = folded(IntervalGrown(8.0, "why", is_restart=True), state=state)
    assert (len(state.history), state.best_score) == (0, Experiment().best_score)


@pytest.mark.parametrize(
    ("budget", "growth", "expected"),
    [
        (100.0, None, 20),
        (100.0, Growth(patience=2), 20),
        (100.0, Growth(every=10), 15),
        (4.0, None, 0),
        (35.0, Growth(every=2), 4),
    ],
)
def test_generations_are_counted_ahead(budget, growth, expected):
    assert generation_count(budget, 5.0, growth) == expected


@pytest.mark.parametrize(
    "make",
    [Growth, lambda: Growth(factor=1.0, every=2), lambda: Growth(every=0)],
)
def test_growth_that_would_never_grow_is_refused(make):
    with pytest.raises(ValueError, match="growth needs"):
        make()


def interval(gate, score):
    return Interval("t0", 0, 1, 0.0, 1.0, None, score, {}, gate)


def test_the_best_of_each_gate_is_found_and_nan_is_none():
    history = [interval(1, 2.0), interval(1, math.nan), interval(1, 3.0), interval(2, 1.0)]
    assert gate_bests(history) == [3.0, 1.0]
    assert gate_bests([interval(1, math.nan)]) == []


@pytest.mark.parametrize(
    ("bests", "expected"),
    [
        ([0.0, 1.0, 2.0], False),
        ([0.0, 8.0, 9.0, 9.1, 9.2, 9.25], True),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], False),
        ([0.0, 8.0, 9.0, 9.1, 9.2, math.inf], False),
        ([5.0, 4.0, 3.0, 2.0, 1.0, 0.0], True),
    ],
)
def test_who_gains_less_than_a_standard_deviation_in_a_window_is_slow(bests, expected):
    assert is_slow(bests, 3) is expected
