import math
import random

import numpy as np
import pytest

from pbtune.core.decisions import Completed, Created, Deferred, Started, Traced
from pbtune.core.events import Report, Reported, Saved
from pbtune.core.plan import place
from pbtune.core.schedulers.median_stopping import MedianStopping, median
from pbtune.core.trial import Trace, Trial


@pytest.fixture
def judged(population, folded, objective):
    """Gives reports (trial, progress, score) to a scheduler; the decisions and the state."""

    def run(scheduler, reports, size=8):
        state = population(size)
        state = folded(*(Started(f"t{at}", 1, at, 0, 0, 0.0) for at in range(size)), state=state)
        told = []
        for at, (name, progress, score) in enumerate(reports):
            report = Report(name, 1, at + 1, float(at), {"score": score, "epoch": progress})
            decisions = scheduler.on_report(state, report, objective)
            state = folded(Reported((report,)), *decisions, state=state)
            told.append(decisions)
        return told, state

    return run


def rule(**settings):
    return MedianStopping(attr="epoch", **{"grace_period": 0.0, **settings})


def stops(decisions):
    return any(isinstance(it, (Completed, Deferred)) for it in decisions)


def test_a_trial_below_the_median_of_the_others_means_ends(judged):
    reports = [(f"t{at}", 1.0, float(at)) for at in range(3)]
    told, _ = judged(rule(), [*reports, ("t3", 1.0, 0.9), ("t4", 1.0, 1.0)])
    assert [stops(it) for it in told] == [False, False, False, True, False]
    assert "is below the median 1 of 3 others' means" in told[3][1].reason


def test_too_few_others_that_are_as_far_are_no_measure(judged):
    reports = [("t0", 1, 5.0), ("t1", 1, 5.0), ("t2", 0.5, 5.0), ("t3", 1, 0.0), ("t4", 1, 0.0)]
    told, _ = judged(rule(), reports)
    assert [stops(it) for it in told] == [False, False, False, False, True]


def test_decisions_are_those_of_tunes_rule(judged):
    """Against the rule as Tune has it, over lists of results."""
    for seed in range(20):
        rng = random.Random(seed)
        grace, samples = rng.choice([0, 2, 4]), rng.choice([1, 3])
        results: dict[str, list[tuple[int, float]]] = {}
        alive, reports, expected = {f"t{n}" for n in range(7)}, [], []
        for _ in range(80):
            if not alive:
                break
            name = rng.choice(sorted(alive))
            mine = results.setdefault(name, [])
            mine.append((len(mine) + 1, rng.random()))
            time = mine[-1][0]
            ends = False
            if time >= grace:
                others = [n for n, them in results.items() if n != name and them[-1][0] >= time]
                if len(others) >= samples:
                    means = [
                        np.mean([s for t, s in results[n] if grace <= t <= time]) for n in others
                    ]
                    ends = np.median(means) > max(s for _, s in mine)
            reports.append((name, *mine[-1]))
            expected.append(bool(ends))
            alive -= {name} if ends else set()
        scheduler = rule(grace_period=float(grace), min_samples_required=samples)
        told, _ = judged(scheduler, reports)
        assert [stops(it) for it in told] == expected


def test_reports_in_the_grace_period_count_for_the_best_but_not_for_the_mean(judged):
    scheduler = rule(grace_period=2.0, min_samples_required=1)
    told, state = judged(
        scheduler, [("t0", 1, 9.0), ("t0", 2, 1.0), ("t1", 1, 0.5), ("t1", 2, 0.8), ("t2", 2, 0.95)]
    )
    assert state.trials["t0"].trace.mean(2.0) == 1.0
    assert state.trials["t0"].trace.best == 9.0
    assert [stops(it) for it in told] == [False, False, False, True, False]
    # t2 is compared with the means 1.0 and 0.8.


def test_nan_is_no_sample_and_ends_the_trial_that_has_nothing_else(judged):
    scheduler = rule(min_samples_required=2)
    reports = [("t0", 1, math.nan), ("t1", 1, 1.0), ("t2", 1, 1.0), ("t3", 1, math.nan)]
    told, state = judged(scheduler, reports)
    assert [stops(it) for it in told] == [False, False, False, True]
    assert state.trials["t0"].trace.mean(1.0) is None


def test_a_trial_without_reports_that_count_is_no_sample(judged):
    scheduler = rule(grace_period=5.0, min_samples_required=1)
    told, _ = judged(scheduler, [("t0", 1, 1.0), ("t0", 9, 1.0), ("t1", 6, 0.0)])
    assert not stops(told[2])


def test_steps_that_are_done_again_are_not_counted_twice(judged):
    told, _ = judged(rule(), [("t0", 1, 1.0), ("t0", 2, 1.0), ("t0", 1, 1.0), ("t0", 2, 7.0)])
    assert [len(it) for it in told] == [1, 1, 0, 0]


def test_a_report_without_progress_decides_nothing(judged):
    assert judged(rule(), [("t0", math.nan, 1.0)])[0] == [[]]


def test_a_last_report_counts_for_the_others(judged, population, report, objective):
    scheduler = MedianStopping(attr="training_iteration", grace_period=1.0)
    last = report("t0", 3, score=1.5)
    assert scheduler.on_last_report(population(1), last, objective) == [Traced("t0", 3.0, 1.5)]
    _, state = judged(rule(), [("t0", 5, 1.0)])
    late = report("t0", 3, score=1.5, epoch=2.0)
    assert rule().on_last_report(state, late, objective) == []


def test_without_a_hard_stop_it_goes_on_only_while_nobody_else_wants_its_slot(
    judged, folded, population
):
    scheduler = rule(hard_stop=False, min_samples_required=1)
    told, state = judged(scheduler, [("t0", 1, 1.0), ("t1", 1, 0.5), ("t1", 2, 0.4)], size=2)
    assert isinstance(told[1][1], Deferred)
    assert told[2] == [Traced("t1", 2.0, 0.4)]
    assert scheduler.may_yield(state, state.trials["t1"])
    saved = Saved("t1", 1, "c1", 3, 2.0, 2.0)
    state = folded(saved, Created("t9", 9, {}), state=state)
    state, placed = place(state, 2, ["t1"])
    assert [(type(it).__name__, it.trial) for it in placed] == [
        ("Yielded", "t1"),
        ("Started", "t9"),
    ]
    assert [it[-1] for it in state.waiting] == ["t1"]


def test_a_trial_yields_after_its_slice_while_too_few_are_as_far(population, folded):
    scheduler = MedianStopping(
        attr="training_iteration", grace_period=2.0, min_time_slice=3.0, min_samples_required=1
    )
    state = population(2)
    fresh = Trial("t0", 0, {}, progress=1.0)
    assert not scheduler.may_yield(state, fresh)
    assert scheduler.may_yield(state, Trial("t0", 0, {}, progress=2.0))
    assert not scheduler.may_yield(state, Trial("t0", 0, {}, progress=5.0, yielded_at=2.0))
    assert scheduler.may_yield(state, Trial("t0", 0, {}, progress=6.0, yielded_at=2.0))
    state = folded(Traced("t1", 2.0, 1.0), Traced("t1", 9.0, 1.0), state=state)
    assert not scheduler.may_yield(state, Trial("t0", 0, {}, progress=2.0))


def test_a_trace_without_finite_scores_has_no_mean():
    assert Trace().mean(3.0) is None
    assert Trace().end == -math.inf
    assert Trace().with_point(1.0, math.inf, counts=True).mean(2.0) is None


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [1.0, 2.0], [4.0]])
def test_the_median_is_numpys(values):
    assert median(values) == np.median(values)


def test_every_report_is_seen():
    scheduler = MedianStopping()
    assert scheduler.observes_all
    assert scheduler.rules(Trial("t0", 0, {})) == ()
    assert (scheduler.version, scheduler.time_attr) == (1, "time_total_s")
