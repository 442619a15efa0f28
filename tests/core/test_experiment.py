import math
from typing import get_args

import msgspec
import pytest

from pbtune.core.decisions import (
    Abandoned,
    Completed,
    Created,
    Evicted,
    Exploited,
    Halted,
    Ranked,
    Released,
    Retried,
    Skipped,
    Started,
    Yielded,
)
from pbtune.core.events import Failed, Noticed, Opened, Report, Reported, Returned, Saved
from pbtune.core.experiment import Experiment, Record, with_views
from pbtune.core.fold import _FOLDS, fold
from pbtune.core.trial import Kept, Rank, RestorePoint, Status
from pbtune.errors import EngineBug

START = Started("t0", 1, 0, 0, 0, 0.0)
SAVED = Saved("t0", 1, "c0", 5, 5.0, 2.5, score=0.5)
RANKED = Ranked("t0", 5, 0.5, 5.0, 2.5, "c0")
COPIED = Exploited("t1", "t0", "t0", {"lr": 0.8}, "c0", 5, 5.0, 2.5, 0.5)


def reported(trial, step):
    return Reported((Report(trial, 1, step, step / 2),))


def test_every_kind_of_record_can_be_folded():
    assert set(_FOLDS) == set(get_args(Record))


def test_a_new_member_waits(population):
    state = population(2)
    assert list(state.trials) == ["t0", "t1"]
    assert state.trials["t1"].config == {"lr": 1.0}
    assert [name for *_, name in state.waiting] == ["t0", "t1"]
    assert (state.live_count, state.is_finished) == (2, False)


def test_a_run_without_members_is_finished():
    assert Experiment().is_finished


def test_a_start_gives_a_slot_and_counts_attempts(population, folded):
    state = folded(START, state=population(2))
    trial = state.trials["t0"]
    assert (trial.status, trial.slot, trial.attempt) == (Status.RUNNING, 0, 1)
    assert state.slots == {0: "t0"}
    assert [name for *_, name in state.waiting] == ["t1"]


def test_a_report_counts_steps_and_time(population, folded):
    trial = folded(START, reported("t0", 3), state=population(1)).trials["t0"]
    assert (trial.step, trial.time_total_s, trial.progress) == (3, 1.5, 0.0)


def test_a_block_of_reports_moves_each_of_its_members(population, folded):
    block = Reported((Report("t1", 1, 7, 0.5), Report("t0", 1, 8, 0.5)))
    state = folded(START, Started("t1", 1, 1, 0, 0, 0.0), block, state=population(2))
    assert [state.trials[name].step for name in ("t0", "t1")] == [8, 7]


def test_a_saved_checkpoint_is_the_restore_point_and_is_kept_with_its_score(population, folded):
    trial = folded(START, SAVED, state=population(1)).trials["t0"]
    assert trial.restore == RestorePoint("c0", 5, 5.0, 2.5)
    assert (trial.own, trial.kept) == ("c0", (Kept("c0", 0.5),))
    assert (trial.progress, trial.next_number) == (5.0, 1)


def test_a_checkpoint_of_unknown_progress_leaves_the_member_where_it_was(population, folded):
    lost = Saved("t0", 1, "c1", 6, math.nan, 3.0)
    state = folded(START, SAVED, lost, state=population(3))
    assert state.trials["t0"].restore == RestorePoint("c1", 6, 5.0, 3.0)
    # So the order of those who wait stays one.
    state = folded(Failed("t0", 1, "ValueError", "oops"), state=state)
    assert [name for *_, name in state.waiting] == ["t1", "t2", "t0"]


def test_a_rank_holds_score_weights_config_and_progress_of_one_report(population, folded):
    state = folded(START, SAVED, RANKED, state=population(2))
    trial = state.trials["t0"]
    assert trial.rank == Rank(0.5, 5, 5.0, 2.5, {"lr": 0.0}, "c0", generation=1)
    assert (trial.interval_start, trial.decisions) == (5.0, 1)
    assert [name for *_, name in state.ranking] == ["t0"]


def test_a_new_rank_replaces_the_old_one(population, folded):
    others = [Started("t1", 1, 1, 0, 0, 0.0), Ranked("t1", 1, 1.0, 1.0, 1.0)]
    state = folded(START, *others, Ranked("t0", 1, 2.0, 1.0, 1.0), state=population(2))
    assert [name for *_, name in state.ranking] == ["t1", "t0"]
    state = folded(Ranked("t0", 2, 0.0, 2.0, 1.0), state=state)
    assert [name for *_, name in state.ranking] == ["t0", "t1"]


def test_what_the_ranking_will_be_can_be_asked_without_changing_it(population, folded):
    state = folded(START, RANKED, state=population(2))
    t0, t1 = state.trials["t0"], state.trials["t1"]
    assert [name for *_, name in state.ranking_with(t1, 0.1)] == ["t1", "t0"]
    assert [entry[1] for entry in state.ranking_with(t0, 0.9)] == [0.9]
    assert [name for *_, name in state.ranking] == ["t0"]


@pytest.fixture(scope="module")
def copied(population, folded):
    """t1 has saved d0, and is then replaced by t0's ranked c0."""
    own = [Started("t1", 1, 1, 0, 0, 0.0), Saved("t1", 1, "d0", 2, 2.0, 1.0)]
    state = folded(START, SAVED, RANKED, *own, state=population(2))
    return folded(Ranked("t1", 2, 0.1, 2.0, 1.0, "d0"), COPIED, state=state)


def test_a_copy_continues_where_its_donor_was_ranked_in_a_new_segment(copied):
    trial = copied.trials["t1"]
    assert (trial.status, trial.slot, trial.segment) == (Status.PAUSED, None, 1)
    assert (trial.step, trial.progress, trial.time_total_s) == (5, 5.0, 2.5)
    assert (trial.config, trial.parent, trial.source) == ({"lr": 0.8}, "t0", "c0")
    assert trial.interval_start == 5.0
    assert trial.restore == RestorePoint("c0", 5, 5.0, 2.5)


def test_a_copy_keeps_its_old_score_until_it_is_ready_again_as_in_tune(copied):
    rank = copied.trials["t1"].rank
    assert rank is not None
    assert rank.score == 0.1
    assert [name for *_, name in copied.ranking] == ["t1", "t0"]


def test_a_copy_holds_its_donors_checkpoint_and_its_own_until_it_has_saved(copied, folded):
    assert sorted(copied.trials["t1"].pins()) == ["c0", "d0", "d0"]
    saves = [Started("t1", 2, 1, 1, 5, 2.5, "c0"), Saved("t1", 2, "d1", 6, 6.0, 3.0)]
    assert sorted(folded(*saves, state=copied).trials["t1"].pins()) == ["d0", "d1", "d1"]


def test_copies_in_a_row_that_begin_no_further_on_are_counted(copied, folded):
    def count(state):
        return state.trials["t1"].stale_copy_count

    assert count(copied) == 0
    again = folded(COPIED, msgspec.structs.replace(COPIED, progress=4.0), COPIED, state=copied)
    assert count(again) == 3
    further = msgspec.structs.replace(COPIED, progress=5.5)
    assert count(folded(further, state=again)) == 0


def test_a_skipped_replacement_is_a_decision_too(population, folded):
    trial = folded(START, RANKED, Skipped("t0", "why"), state=population(1)).trials["t0"]
    assert trial.decisions == 2
    assert trial.status is Status.RUNNING


@pytest.mark.parametrize(
    ("records", "progress", "step"), [([], 0.0, 0), ([SAVED], 5.0, 5), ([SAVED, RANKED], 5.0, 5)]
)
def test_a_failed_attempt_goes_back_to_its_restore_point(
    population, folded, records, progress, step
):
    failure = Failed("t0", 1, "ValueError", "oops")
    state = folded(START, *records, reported("t0", 9), failure, state=population(1))
    trial = folded(Retried("t0", 1), state=state).trials["t0"]
    assert (trial.status, trial.failures, trial.redo) == (Status.PENDING, 1, True)
    assert (trial.progress, trial.step, trial.slot) == (progress, step, None)
    again = Started("t0", 2, 0, 0, step, 0.0, supersedes=True)
    assert not folded(again, state=state).trials["t0"].redo


def test_a_trial_that_failed_for_good_leaves_the_ranking_and_the_queue(population, folded):
    failure = [Failed("t0", 1, "ValueError", "oops"), Abandoned("t0", 1)]
    state = folded(START, SAVED, RANKED, *failure, state=population(2))
    assert state.trials["t0"].status is Status.FAILED
    assert (list(state.ranking), state.live_count) == ([], 1)
    assert [name for *_, name in state.waiting] == ["t1"]


def test_a_trial_that_ended_well_frees_its_slot_and_keeps_its_result(population, folded):
    state = folded(START, SAVED, RANKED, Returned("t0", 1), state=population(1))
    state = folded(Completed("t0", "returned"), state=state)
    assert state.trials["t0"].status is Status.DONE
    assert (state.slots, state.is_finished) == ({}, True)
    assert state.references == {"c0": 2}


def test_an_ended_donors_ranked_checkpoint_is_garbage_when_nobody_needs_it(population, folded):
    newer = Saved("t0", 1, "c1", 6, 6.0, 3.0)
    state = folded(START, SAVED, RANKED, newer, Evicted("t0", ("c0",)), state=population(1))
    assert state.garbage == ()
    state = folded(Completed("t0", "done"), state=state)
    assert state.garbage == ("c0",)
    assert folded(Released(("c0",)), state=state).garbage == ()


def test_only_what_is_released_is_no_garbage_any_more(population, folded):
    more = [Saved("t0", 1, name, 6, 6.0, 3.0) for name in ("c1", "c2")]
    state = folded(START, SAVED, *more, Evicted("t0", ("c0", "c1")), state=population(1))
    assert state.garbage == ("c0", "c1")
    assert folded(Released(("c0",)), state=state).garbage == ("c1",)


def test_a_member_that_yields_waits_where_it_stands(population, folded):
    trial = folded(START, SAVED, Yielded("t0", 1), state=population(1)).trials["t0"]
    assert (trial.status, trial.slot, trial.progress) == (Status.PAUSED, None, 5.0)
    assert not trial.redo


def test_opening_ends_the_attempts_that_were_running_and_counts_no_failure(population, folded):
    others = [Started("t1", 1, 1, 0, 0, 0.0), reported("t1", 4), Halted("stopped", "t0")]
    state = folded(START, SAVED, reported("t0", 9), *others, state=population(3))
    assert (state.halted, state.is_finished) == ("stopped", True)
    state = folded(Opened(2), state=state)
    t0, t1, _ = state.trials.values()
    assert (state.session, state.halted, state.slots) == (2, None, {})
    assert (t0.status, t0.step, t0.redo, t0.failures) == (Status.PAUSED, 5, True, 0)
    assert (t1.status, t1.step, t1.redo, t1.failures) == (Status.PENDING, 0, True, 0)


def test_a_notice_changes_nothing(population):
    state = population(1)
    assert fold(state, Noticed("t0", "no-checkpoint", "t0 has none")) is state


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Created("t0", 0, {}), "t0 is created twice"),
        (Skipped("t9", ""), "'t9', which was never created"),
        (Retried("t9", 1), "'t9', which was never created"),
        (reported("t1", 1), "t1 attempt 1 came while it is PENDING in attempt 0"),
        (Returned("t0", 2), "t0 attempt 2 came while it is RUNNING in attempt 1"),
        (Saved("t0", 0, "c", 1, 1.0, 1.0), "t0 attempt 0 came while it is RUNNING in attempt 1"),
        (Started("t1", 2, 1, 0, 0, 0.0), "attempt 2 of t1 can't follow 0"),
        (Started("t0", 2, 1, 0, 0, 0.0), "t0 can't go from RUNNING to RUNNING"),
        (Started("t1", 1, 0, 0, 0, 0.0), "slot 0 was given to t1 while t0 has it"),
        (Abandoned("t2", 1), "t2 can't go from DONE to FAILED"),
    ],
)
def test_a_record_that_cannot_follow_is_named_and_changes_nothing(
    population, folded, record, message
):
    state = folded(START, Completed("t2", "done"), state=population(3))
    before = repr(state)
    with pytest.raises(EngineBug, match=message):
        fold(state, record)
    assert repr(state) == before


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ranking", []),
        ("waiting", []),
        ("slots", {}),
        ("live_count", 7),
        ("references", {}),
    ],
)
def test_a_view_that_differs_from_the_trials_is_named(population, folded, name, wrong):
    state = folded(START, SAVED, RANKED, state=population(2))
    with pytest.raises(EngineBug, match=f"{name} is .* but the trials say"):
        msgspec.structs.replace(state, **{name: wrong}).validate()


def test_the_views_can_be_made_anew_from_the_trials(population, folded):
    state = folded(START, SAVED, RANKED, state=population(2))
    empty = {"ranking": [], "waiting": [], "slots": {}, "references": {}}
    bare = msgspec.structs.replace(state, live_count=0, gated_count=9, **empty)
    assert with_views(bare) == state


def test_a_running_trial_without_a_slot_is_named(population, folded):
    state = folded(START, state=population(1))
    trial = msgspec.structs.replace(state.trials["t0"], slot=None)
    broken = msgspec.structs.replace(state, trials={"t0": trial}, slots={})
    with pytest.raises(EngineBug, match=r"running is .*t0"):
        broken.validate()
