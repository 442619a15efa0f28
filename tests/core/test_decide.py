import pytest

from pbtune.core.decide import advance, decide
from pbtune.core.decisions import (
    Abandoned,
    Completed,
    Created,
    Evicted,
    Exploited,
    Halted,
    Ranked,
    Retried,
    Started,
)
from pbtune.core.events import Failed, Noticed, Opened, Reported, Returned, Saved, StoppedAll
from pbtune.core.experiment import Experiment
from pbtune.core.fold import fold
from pbtune.core.retention import Retention
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.settings import Settings
from pbtune.core.space import uniform
from pbtune.core.stopping import StopRules

START = Started("t0", 1, 0, 0, 0, 0.0)


@pytest.fixture(scope="module")
def make_settings(objective):
    def make(scheduler=None, **changes) -> Settings:
        scheduler = FIFO() if scheduler is None else scheduler
        return Settings(objective, scheduler, {"lr": uniform(0, 1)}, **changes)

    return make


@pytest.fixture(scope="module")
def failed(population, folded, make_settings):
    """What follows from a failure of t0, the so-manieth."""

    def fail(count=1, fatal=False, lost=False, **changes):
        state = population(2)
        for attempt in range(1, count + 1):
            event = Failed("t0", attempt, "ValueError", "oops", fatal=fatal, lost=lost)
            state = folded(Started("t0", attempt, 0, 0, 0, 0.0), event, state=state)
        return decide(make_settings(**changes), state, event)

    return fail


def test_an_attempt_that_was_lost_with_its_machine_is_no_failure(failed):
    assert failed(count=3, lost=True, max_failures=0) == [Retried("t0", 0)]
    assert failed(lost=True, fail_fast=True) == [Retried("t0", 0)]


def test_opening_a_new_run_creates_its_population(make_settings):
    state, records = advance(make_settings(num_samples=3), Experiment(), Opened(1))
    assert records[0] == Opened(1)
    assert [record.trial for record in records[1:]] == ["t0", "t1", "t2"]
    for index, record in enumerate(records[1:]):
        assert isinstance(record, Created)
        assert (record.index, record.config) == (index, record.evaluated)
    assert [trial.config for trial in state.trials.values()] == [r.config for r in records[1:]]


def test_opening_a_run_again_creates_only_the_members_that_it_lacks(make_settings):
    state, _ = advance(make_settings(num_samples=2), Experiment(), Opened(1))
    more, records = advance(make_settings(num_samples=3), state, Opened(2))
    assert [record.trial for record in records[1:]] == ["t2"]
    assert list(more.trials) == ["t0", "t1", "t2"]
    assert decide(make_settings(num_samples=3), more, Opened(3)) == []


def test_members_get_the_mutated_keys_that_the_search_space_lacks(make_settings):
    pbt = PBT(mutations={"momentum": [0.9]})
    (created,) = decide(make_settings(pbt), Experiment(), Opened(1))
    assert created.config == {**created.evaluated, "momentum": 0.9}
    assert list(created.evaluated) == ["lr"]


def test_a_report_that_stops_its_trial_is_never_seen_by_the_scheduler(
    make_settings, population, folded, report
):
    pbt = PBT(mutations={}, perturbation_interval=1.0, attr="training_iteration")
    settings = make_settings(pbt, stop=StopRules((("score", 1.0),)))
    state = folded(START, state=population(2))
    stopping = Reported((report("t0", 5, "c0", score=1.5),))
    assert decide(settings, state, stopping) == [Completed("t0", "score = 1.5 >= 1")]
    going_on = Reported((report("t0", 5, "c0", score=0.5),))
    assert decide(settings, state, going_on) == [Ranked("t0", 5, 0.5, 5.0, 5.0, "c0")]


def test_in_a_block_each_decision_sees_those_before_it(make_settings, population, folded, report):
    pbt = PBT(mutations={}, perturbation_interval=1.0, attr="training_iteration")
    settings = make_settings(pbt)
    state = folded(START, Started("t1", 1, 1, 0, 0, 0.0), state=population(2))
    block = Reported((report("t1", 5, "c1", score=2.0), report("t0", 5, "c0", score=1.0)))
    state, (event, first, second, third) = advance(settings, state, block)
    assert event is block
    assert isinstance(first, Ranked)
    assert isinstance(second, Ranked)
    assert isinstance(third, Exploited)
    assert (first.trial, second.trial, third.trial) == ("t1", "t0", "t0")
    assert (third.donor, third.checkpoint, third.score) == ("t1", "c1", 2.0)
    assert state.trials["t0"].parent == "t1"


def test_a_save_evicts_what_is_too_much(make_settings, population, folded):
    settings = make_settings(retention=Retention(1))
    state = folded(START, Saved("t0", 1, "c0", 1, 1.0, 1.0), state=population(1))
    state, records = advance(settings, state, Saved("t0", 1, "c1", 2, 2.0, 2.0))
    assert records[1:] == [Evicted("t0", ("c0",))]
    assert state.garbage == ("c0",)


def test_a_function_that_returns_has_ended_well(make_settings, population, folded):
    state = folded(START, state=population(1))
    state, records = advance(make_settings(), state, Returned("t0", 1))
    assert records[1:] == [Completed("t0", "returned")]
    assert state.is_finished


def test_by_default_the_first_failure_ends_a_trial_and_no_other(failed):
    assert failed() == [Abandoned("t0", 1)]


@pytest.mark.parametrize(("count", "kind"), [(1, Retried), (2, Retried), (3, Abandoned)])
def test_a_trial_is_retried_as_often_as_told(failed, count, kind):
    assert failed(count, max_failures=2) == [kind("t0", count)]


def test_retries_can_be_without_limit(failed):
    assert failed(9, max_failures=-1) == [Retried("t0", 9)]


def test_fail_fast_halts_the_run_at_the_first_trial_that_failed_for_good(failed):
    assert failed(fail_fast=True) == [Abandoned("t0", 1), Halted("t0 failed: oops", "t0")]
    assert failed(fail_fast=True, max_failures=1) == [Retried("t0", 1)]


def test_an_error_that_every_trial_would_meet_halts_the_run_at_once(failed):
    decisions = [Abandoned("t0", 1), Halted("oops", "t0")]
    assert failed(fatal=True, max_failures=-1) == decisions


def test_nothing_follows_from_a_notice(make_settings, population):
    state = population(1)
    event = Noticed("t0", "no-checkpoint", "t0 has none")
    assert advance(make_settings(), state, event) == (state, [event])


def test_to_advance_is_to_fold_the_event_and_then_each_decision(make_settings, population, folded):
    before = folded(START, state=population(2))
    after, records = advance(make_settings(), before, Failed("t0", 1, "ValueError", "oops"))
    for record in records:
        before = fold(before, record)
    assert before == after


def test_a_stopper_of_the_run_completes_whoever_is_live_in_their_order(make_settings, population):
    state = fold(population(3), Completed("t1", "returned"))
    event = StoppedAll("all over")
    assert decide(make_settings(), state, event) == [
        Completed("t0", "all over"),
        Completed("t2", "all over"),
    ]
    ended, _ = advance(make_settings(), state, event)
    assert ended.is_finished
    assert decide(make_settings(), ended, event) == []
