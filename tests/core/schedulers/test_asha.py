import math
import random

import numpy as np
import pytest

from pbtune.core.decisions import Completed, Created, Measured, Started
from pbtune.core.events import Report, Reported
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.ranking import entry
from pbtune.core.schedulers.asha import ASHA
from pbtune.core.space import uniform
from pbtune.core.trial import Trial

SPACE = {"x": uniform(0.0, 1.0)}


def scores(*values):
    return sorted(entry(value, at, f"t{at}") for at, value in enumerate(values))


@pytest.fixture
def judged(folded, objective):
    """Gives reports (trial, progress, score) to a scheduler, one after the other."""

    def run(scheduler, reports, brackets=()):
        names = sorted({name for name, *_ in reports})
        state = folded(
            *(
                Created(name, at, {}, bracket=dict(brackets).get(name, 0))
                for at, name in enumerate(names)
            ),
            *(Started(name, 1, at, 0, 0, 0.0) for at, name in enumerate(names)),
        )
        told = []
        for at, (name, progress, score) in enumerate(reports):
            report = Report(name, 1, at + 1, float(at), {"score": score, "epoch": progress})
            state = folded(Reported((report,)), state=state)
            decisions = scheduler.on_report(state, report, objective)
            state = folded(*decisions, state=state)
            told.append(decisions)
        return told

    return run


def stops(decisions):
    return any(isinstance(it, Completed) for it in decisions)


def test_rungs_are_powers_of_eta_from_the_grace_period_on():
    assert ASHA(max_t=100.0, reduction_factor=4.0).rungs(0) == (1, 4, 16, 64)
    assert ASHA(max_t=1000.0, reduction_factor=10.0).rungs(0) == (1, 10, 100, 1000)
    assert ASHA(max_t=50.0, grace_period=5.0, reduction_factor=2.0).rungs(0) == (5, 10, 20, 40)


def test_a_later_bracket_begins_a_rung_later():
    scheduler = ASHA(max_t=16.0, reduction_factor=4.0, brackets=4)
    assert [scheduler.rungs(number) for number in range(4)] == [(1, 4, 16), (4, 16), (16,), ()]


def test_brackets_are_drawn_with_tunes_weights(calls):
    scheduler = ASHA(max_t=16.0, reduction_factor=4.0, brackets=2)
    drawn = [
        scheduler.bracket_of(f"t{at}", at, Objective(3, calls, "score", "max"))
        for at in range(3000)
    ]
    expected = 1 / (1 + math.e)
    assert sum(drawn) / len(drawn) == pytest.approx(expected, abs=0.03)


def test_the_next_rung_and_the_end_block():
    scheduler = ASHA(max_t=10.0, reduction_factor=3.0)
    end = Rule("training_iteration", 10.0, is_stop=True)
    assert scheduler.rules(Trial("t0", 0, {})) == (Rule("training_iteration", 1.0), end)
    assert scheduler.rules(Trial("t0", 0, {}, milestone=3.0))[0].at_least == 9.0
    assert scheduler.rules(Trial("t0", 0, {}, milestone=9.0)) == (end,)
    to_the_end = ASHA(max_t=10.0, reduction_factor=3.0, stop_last_trials=False)
    assert to_the_end.rules(Trial("t0", 0, {}, milestone=9.0)) == ()


def test_the_first_at_a_rung_goes_on_and_a_worse_one_is_stopped(judged):
    scheduler = ASHA(attr="epoch", max_t=9.0, reduction_factor=3.0)
    told = judged(scheduler, [("t0", 1, 0.5), ("t1", 1, 0.4), ("t2", 1, 0.5), ("t3", 1, 0.6)])
    assert [stops(it) for it in told] == [False, True, False, False]
    assert "not among the best 1/3 at 1 epoch: 0.4 < 0.5" in told[1][1].reason


def test_the_cutoff_is_the_percentile_of_numpy():
    rng = random.Random(0)
    for eta in (2.0, 3.0, 4.0, 1.7):
        scheduler = ASHA(reduction_factor=eta)
        for count in range(1, 12):
            values = [rng.choice([rng.random(), 0.5, math.nan]) for _ in range(count)]
            expected = np.nan if all(map(math.isnan, values)) else None
            if expected is None:
                expected = np.nanpercentile(values, (1 - 1 / eta) * 100)
                assert scheduler.cutoff(scores(*values)) == pytest.approx(expected)
            else:
                assert scheduler.cutoff(scores(*values)) is None


def test_a_cutoff_between_infinities_is_a_number():
    scheduler = ASHA(reduction_factor=2.0)
    assert scheduler.cutoff(scores(-math.inf, -math.inf, -math.inf, 1.0)) == -math.inf
    assert scheduler.cutoff(scores(-math.inf, 2.0, 3.0)) == 2.0


def test_decisions_are_those_of_tunes_rule(judged):
    """Against the rule written down once more, without leases, journals and brackets."""
    for seed in range(30):
        rng = random.Random(seed)
        eta, top = rng.choice([2, 3, 4]), rng.choice([9, 16, 30])
        rungs = [eta**power for power in range(10) if eta**power <= top]
        recorded: dict[int, dict[str, float]] = {rung: {} for rung in rungs}
        at, alive, reports, expected = {f"t{n}": 0 for n in range(8)}, set(), [], []
        alive = set(at)
        while alive:
            name = rng.choice(sorted(alive))
            at[name] += 1
            score = rng.choice([rng.random(), 0.5])
            ends = at[name] >= top
            if not ends and at[name] in recorded:
                others = list(recorded[at[name]].values())
                ends = bool(others) and score < np.percentile(others, (1 - 1 / eta) * 100)
                recorded[at[name]][name] = score
            reports.append((name, at[name], score))
            expected.append(ends)
            alive -= {name} if ends else set()
        scheduler = ASHA(attr="epoch", max_t=float(top), reduction_factor=float(eta))
        assert [stops(it) for it in judged(scheduler, reports)] == expected


def test_nan_is_worse_than_any_number_and_no_measure_for_others(judged):
    scheduler = ASHA(attr="epoch", max_t=9.0, reduction_factor=3.0)
    told = judged(
        scheduler, [("t0", 1, math.nan), ("t1", 1, -5.0), ("t2", 1, math.nan), ("t3", 1, -5.0)]
    )
    assert [stops(it) for it in told] == [False, False, True, False]


def test_a_report_that_skips_rungs_is_measured_once_at_the_highest(judged):
    scheduler = ASHA(attr="epoch", max_t=100.0, reduction_factor=3.0)
    told = judged(scheduler, [("t0", 10, 1.0), ("t0", 11, 1.0), ("t0", 27, 1.0)])
    assert [[it.milestone for it in decisions] for decisions in told] == [[9.0], [], [27.0]]


def test_a_trial_is_compared_within_its_bracket(judged):
    scheduler = ASHA(attr="epoch", max_t=9.0, reduction_factor=3.0, brackets=2)
    told = judged(scheduler, [("t0", 3, 1.0), ("t1", 3, 0.0)], brackets={"t1": 1})
    assert not stops(told[1])


def test_at_max_t_a_trial_ends_unless_the_last_ones_may_go_on(judged):
    ends = ASHA(attr="epoch", max_t=8.0, reduction_factor=4.0)
    assert judged(ends, [("t0", 8, 1.0)]) == [[Completed("t0", "trained for max_t = 8 epoch")]]
    goes_on = ASHA(attr="epoch", max_t=8.0, reduction_factor=4.0, stop_last_trials=False)
    told = judged(goes_on, [("t0", 8, 1.0), ("t0", 30, 0.0)])
    assert [len(it) for it in told] == [1, 0]


def test_a_trial_that_a_stop_rule_ends_counts_at_its_rung(folded, population, report, objective):
    state = folded(Started("t0", 1, 0, 0, 0, 0.0), state=population(1))
    scheduler = ASHA(max_t=9.0, reduction_factor=3.0)
    (measured,) = scheduler.on_last_report(state, report("t0", 3, score=2.0), objective)
    assert measured == Measured("t0", 0, 3.0, 3, 3.0, 2.0)
    assert scheduler.on_last_report(state, report("t0", 0, score=2.0), objective) == []


def test_stopping_saves_training_and_keeps_the_best(toy):
    def train(weights, config, step):
        return weights + config["x"], weights + config["x"]

    run = toy(ASHA(max_t=27.0, reduction_factor=3.0), train, SPACE, members=12, steps=40)
    run.check()
    assert run.step_count < 12 * 27 / 2
    best = max(run.state.trials.values(), key=lambda trial: trial.config["x"])
    assert best.step == 27


def test_metric_and_time_are_needed(objective, calls):
    scheduler = ASHA(attr="epoch")
    assert scheduler.needed(objective) == (
        ("score", "ASHA judges by"),
        ("epoch", "ASHA counts progress in"),
    )
    assert ASHA().needed(Objective(seed=0, user_calls=calls)) == ()
    assert (scheduler.version, scheduler.time_attr) == (1, "epoch")
    assert not scheduler.wants_checkpoints


def test_whoever_may_go_on_keeps_its_slot(population):
    assert not ASHA().may_yield(population(1), Trial("t0", 0, {}))
    assert ASHA().first_config({"x": 1}, "t0", None) == {"x": 1}
