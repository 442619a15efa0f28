import math

import msgspec
import pytest

from pbtune.core.decisions import Completed, Exploited, Ranked, Skipped, Started
from pbtune.core.events import Report, Reported, Saved
from pbtune.core.explore import ExploreSettings
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.schedulers.pbt import PBT, STALE_COPY_COUNT_MAX, with_mutations
from pbtune.core.space import uniform
from pbtune.core.trial import Status, Trial

DOUBLE = ExploreSettings(resample_probability=0.0, perturbation_factors=(2.0,))
FIVE = PBT(
    mutations={"lr": uniform(0.0, 100.0)},
    perturbation_interval=5.0,
    exploration=DOUBLE,
    attr="training_iteration",
)


@pytest.fixture(scope="module")
def ranked(population, folded):
    """All members run; those with a score are ranked at step 5, by a checkpoint of that step."""

    def make(*scores: float | None, bare: tuple[str, ...] = ()):
        records = []
        for at, score in enumerate(scores):
            trial, saved = f"t{at}", None
            records.append(Started(trial, 1, at, 0, 0, 0.0))
            if score is not None and trial not in bare:
                saved = f"c{at}"
                records.append(Saved(trial, 1, saved, 5, 5.0, 5.0))
            if score is not None:
                records.append(Ranked(trial, 5, score, 5.0, 5.0, saved))
        return folded(*records, state=population(len(scores)))

    return make


@pytest.fixture(scope="module")
def react(folded, objective):
    """What PBT decides on a report, which is folded first."""

    def decide(state, report: Report, scheduler=FIVE):
        records = []
        if report.checkpoint is not None:
            step = report.step
            records.append(Saved(report.trial, 1, report.checkpoint, step, float(step), 1.0))
        state = folded(*records, Reported((report,)), state=state)
        return scheduler.on_report(state, report, objective)

    return decide


@pytest.mark.parametrize(
    ("step", "checkpoint", "is_ready"),
    [(4, "c", False), (5, "c", True), (9, None, False), (10, None, True), (7, "c", True)],
)
def test_a_member_is_ready_past_its_interval_with_a_checkpoint_or_at_twice_it_without(
    ranked, react, report, step, checkpoint, is_ready
):
    decisions = react(ranked(None, None), report("t0", step, checkpoint, score=1.0))
    expected = [Ranked("t0", step, 1.0, float(step), float(step), checkpoint)]
    assert decisions == (expected if is_ready else [])


def test_the_next_interval_counts_from_the_report_that_was_ranked(ranked, react, report, folded):
    state = folded(Ranked("t0", 7, 1.0, 7.0, 7.0), state=ranked(None))
    assert react(state, report("t0", 11, "c", score=1.0)) == []
    assert len(react(state, report("t0", 12, "c", score=1.0))) == 1


@pytest.mark.parametrize(("step", "checkpoint"), [(19, "c"), (19, None)])
def test_nothing_is_ranked_during_the_burn_in(ranked, react, report, step, checkpoint):
    burning = msgspec.structs.replace(FIVE, burn_in_period=20.0)
    assert react(ranked(None), report("t0", step, checkpoint, score=1.0), burning) == []
    assert len(react(ranked(None), report("t0", 20, checkpoint, score=1.0), burning)) == 1


def test_workers_hold_at_both_bounds_of_readiness():
    trial = Trial("t0", 0, {}, interval_start=7.0)
    assert FIVE.rules(trial) == (
        Rule("training_iteration", 12.0, needs_checkpoint=True),
        Rule("training_iteration", 17.0),
    )
    burning = msgspec.structs.replace(FIVE, burn_in_period=15.0)
    assert [rule.at_least for rule in burning.rules(trial)] == [15.0, 17.0]


@pytest.mark.parametrize("observed", [{}, {"epoch": math.nan}, {"epoch": "nine"}])
def test_a_report_that_does_not_say_how_far_it_is_is_never_ready(ranked, react, report, observed):
    by_epoch = msgspec.structs.replace(FIVE, attr="epoch")
    assert react(ranked(None), report("t0", 99, "c", score=1.0, **observed), by_epoch) == []


def test_a_member_in_the_bottom_goes_on_from_one_of_the_top(ranked, react, report):
    state = ranked(9.0, 3.0, 4.0, None)
    first, second = react(state, report("t3", 6, "d", score=1.0))
    assert first == Ranked("t3", 6, 1.0, 6.0, 6.0, "d")
    assert second == Exploited(
        trial="t3",
        donor="t0",
        config_donor="t0",
        config={"lr": 0.0},
        checkpoint="c0",
        step=5,
        progress=5.0,
        time_total_s=5.0,
        score=9.0,
        old_step=6,
        old_config={"lr": 3.0},
        operations={"lr": "* 2.0"},
    )


def test_an_exploit_takes_everything_from_one_ranked_report_of_the_donor(
    ranked, react, report, folded
):
    # Given a donor that has gone on after it was ranked, with another config since
    state = ranked(None, 9.0)
    later = [Saved("t1", 1, "later", 8, 8.0, 8.0), Reported((report("t1", 8, score=-5.0),))]
    state = folded(*later, state=state)
    trial = msgspec.structs.replace(state.trials["t1"], config={"lr": 50.0})
    state = msgspec.structs.replace(state, trials={**state.trials, "t1": trial})
    # Then its copy begins at the ranked report
    _, copy = react(state, report("t0", 5, "d", score=1.0))
    assert (copy.checkpoint, copy.step, copy.score, copy.config) == ("c1", 5, 9.0, {"lr": 2.0})


@pytest.mark.parametrize("score", [3.5, 99.0])
def test_a_member_above_the_bottom_trains_on(ranked, react, report, score):
    decisions = react(ranked(4.0, 3.0, 5.0, None), report("t3", 6, "d", score=score))
    assert [type(decision) for decision in decisions] == [Ranked]


def test_with_mode_min_the_smallest_score_is_the_best(ranked, report, calls):
    loss = Objective(seed=7, user_calls=calls, metric="loss", mode="min")
    state = ranked(-9.0, None)
    ranked_first, copy = FIVE.on_report(state, report("t1", 5, "d", loss=12.0), loss)
    assert (ranked_first.score, copy.donor) == (-12.0, "t0")


def test_alone_nobody_is_replaced(ranked, react, report):
    assert len(react(ranked(None), report("t0", 5, "c", score=-1.0))) == 1
    assert len(react(ranked(None, None), report("t0", 5, "c", score=-1.0))) == 1


def test_a_quantile_of_nothing_replaces_nobody(ranked, react, report):
    nobody = msgspec.structs.replace(FIVE, quantile_fraction=0.0)
    decisions = react(ranked(9.0, None), report("t1", 5, "c", score=-1.0), nobody)
    assert [type(decision) for decision in decisions] == [Ranked]


def test_a_diverged_member_is_replaced_first(ranked, react, report):
    # Given members of which the last one's score is finite, and still worse than most
    state = ranked(9.0, -math.inf, 4.0, None)
    _, copy = react(state, report("t3", 6, "d", score=math.nan))
    assert isinstance(copy, Exploited)
    assert copy.donor == "t0"


def test_a_nan_member_is_never_a_donor(ranked, report):
    half = msgspec.structs.replace(FIVE, quantile_fraction=0.5)
    state = ranked(None, math.nan, math.nan, 1.0)
    for seed in range(10):
        objective = Objective(seed=seed, user_calls=None, metric="score", mode="max")
        _, copy = half.on_report(state, report("t0", 6, "d"), objective)
        assert copy.donor == "t3"


def test_where_every_score_is_nan_that_is_the_recorded_reason(ranked, react, report):
    decisions = react(ranked(math.nan, math.nan), report("t0", 10, "d"))
    assert [type(decision) for decision in decisions] == [Ranked, Skipped]
    assert decisions[1] == Skipped("t0", "every score is NaN")


def test_where_no_donor_has_a_checkpoint_that_is_the_recorded_reason(ranked, react, report):
    state = ranked(9.0, None, bare=("t0",))
    _, skipped = react(state, report("t1", 5, "d", score=1.0))
    assert skipped == Skipped("t1", "no member of the top has a checkpoint")


def test_a_member_without_a_checkpoint_can_be_replaced_too(ranked, react, report):
    _, copy = react(ranked(9.0, None), report("t1", 10, score=1.0))
    assert isinstance(copy, Exploited)


def test_any_ranked_checkpoint_will_do_also_one_of_a_member_that_was_not_in_the_top_then(
    ranked, react, report, folded
):
    # Given t0, which becomes the best only because t1 falls
    state = folded(Ranked("t1", 6, 0.5, 6.0, 6.0), state=ranked(1.0, 9.0, None))
    _, copy = react(state, report("t2", 5, "d", score=0.0))
    assert (copy.donor, copy.checkpoint) == ("t0", "c0")


def test_a_member_that_has_ended_is_no_donor(ranked, react, report, folded):
    state = folded(Completed("t0", "done"), state=ranked(9.0, 5.0, None))
    _, copy = react(state, report("t2", 5, "d", score=0.0))
    assert copy.donor == "t1"


def test_every_donor_of_the_top_is_chosen_now_and_then(ranked, report):
    half = msgspec.structs.replace(FIVE, quantile_fraction=0.5)
    donors = set()
    for seed in range(20):
        objective = Objective(seed=seed, user_calls=None, metric="score", mode="max")
        state = ranked(8.0, 9.0, 1.0, None)
        donors.add(half.on_report(state, report("t3", 5, "d", score=0.0), objective)[1].donor)
    assert donors == {"t0", "t1"}


def test_the_same_state_gives_the_same_decisions(ranked, react, report):
    resampling = msgspec.structs.replace(FIVE, exploration=ExploreSettings())
    state, last = ranked(9.0, 8.0, 7.0, None), report("t3", 5, "d", score=0.0)
    assert react(state, last, resampling) == react(state, last, resampling)


def test_each_decision_on_a_trial_draws_anew(ranked, react, report, folded):
    resampling = msgspec.structs.replace(FIVE, exploration=ExploreSettings(1.0))
    state, last = ranked(9.0, None), report("t1", 5, "d", score=0.0)
    _, first = react(state, last, resampling)
    _, second = react(folded(Skipped("t1", ""), state=state), last, resampling)
    assert first.config != second.config


@pytest.mark.parametrize("donors", [1, 2, 3])
def test_copies_of_donors_that_do_not_move_come_to_an_end(ranked, react, report, folded, donors):
    # Given a member that is always the worst, and a top that hangs, or that gets no slot
    half = msgspec.structs.replace(FIVE, quantile_fraction=0.5)
    copy_id, last = f"t{2 * donors - 1}", report(f"t{2 * donors - 1}", 15, score=0.0)
    state = ranked(*[9.0] * donors, *[5.0] * (donors - 1), None)
    for count in range(STALE_COPY_COUNT_MAX + 1):
        _, copy = react(state, last, half)
        assert isinstance(copy, Exploited), count
        state = restarted(folded(copy, state=state), copy_id)
    # Then it is left to train by itself
    _, skipped = react(state, last, half)
    assert isinstance(skipped, Skipped)
    assert "is no further on than the last copies began" in skipped.reason
    # Until a donor has moved on
    moves = [
        record
        for name in (f"t{at}" for at in range(donors))
        for record in (Saved(name, 1, "new", 9, 9.0, 9.0), Ranked(name, 9, 9.0, 9.0, 9.0, "new"))
    ]
    _, copy = react(folded(*moves, state=state), last, half)
    assert copy.checkpoint == "new"


def restarted(state, trial):
    """The state with a waiting trial running again, as attempt 1, in its old slot."""
    slot = state.trials[trial].index
    member = msgspec.structs.replace(state.trials[trial], status=Status.RUNNING, slot=slot)
    waiting = [one for one in state.waiting if one[2] != trial]
    slots = {**state.slots, slot: trial}
    trials = {**state.trials, trial: member}
    return msgspec.structs.replace(state, trials=trials, waiting=waiting, slots=slots)


def test_metric_and_time_attr_must_be_reported_unless_told_otherwise(objective, calls):
    by_epoch = msgspec.structs.replace(FIVE, attr="epoch")
    assert FIVE.needed(objective) == (("score", "PBT ranks by"),)
    assert by_epoch.needed(objective) == (
        ("score", "PBT ranks by"),
        ("epoch", "PBT counts its intervals in"),
    )
    assert msgspec.structs.replace(by_epoch, require_attrs=False).needed(objective) == ()
    assert by_epoch.needed(Objective(seed=0, user_calls=calls)) == ()


def test_a_key_of_the_search_space_is_left_alone_at_the_start_as_in_tune(objective):
    assert FIVE.first_config({"lr": 1e-4}, "t0", objective) == {"lr": 1e-4}
    assert 0 <= FIVE.first_config({}, "t0", objective)["lr"] <= 100


def test_defaults_are_tunes():
    pbt = PBT(mutations={})
    assert (pbt.time_attr, pbt.perturbation_interval, pbt.burn_in_period) == (
        "time_total_s",
        60.0,
        0.0,
    )
    assert (pbt.quantile_fraction, pbt.require_attrs) == (0.25, True)


def test_mutations_can_be_given_later():
    assert with_mutations(PBT(mutations={}), {"lr": [1]}) == PBT(mutations={"lr": [1]})


def test_its_decisions_are_of_the_first_version():
    assert FIVE.version == 1
