import itertools

import pytest

from pbtune.core.trial import LEGAL, Kept, Rank, RestorePoint, Status, Trial, moved
from pbtune.errors import EngineBug

RANK = Rank(1.0, 2, 2.0, 2.0, {}, "ranked")
POINT = RestorePoint("restore", 4, 4.0, 4.0)
MOVES = list(itertools.product(Status, Status))


@pytest.mark.parametrize(("before", "after"), [move for move in MOVES if move[1] in LEGAL[move[0]]])
def test_a_legal_move_changes_the_status_and_what_it_is_told(before, after):
    trial = Trial("t0", 0, {}, status=before, slot=3)
    assert moved(trial, after, slot=None) == Trial("t0", 0, {}, status=after, slot=None)


@pytest.mark.parametrize(
    ("before", "after"), [move for move in MOVES if move[1] not in LEGAL[move[0]]]
)
def test_an_illegal_move_is_named_and_changes_nothing(before, after):
    trial = Trial("t0", 0, {}, status=before, slot=3)
    with pytest.raises(EngineBug, match=f"t0 can't go from {before.value} to {after.value}"):
        moved(trial, after)
    assert (trial.status, trial.slot) == (before, 3)


def test_an_ended_trial_can_only_be_reopened():
    ended = {status for status in Status if not Trial("t0", 0, {}, status=status).is_live}
    assert ended == {Status.DONE, Status.FAILED}
    assert {after for before in ended for after in LEGAL[before]} == {Status.PENDING, Status.PAUSED}


def test_a_slot_is_only_taken_from_waiting():
    takers = {before for before, after in LEGAL.items() if Status.RUNNING in after}
    assert takers == {Status.PENDING, Status.PAUSED}


def test_a_live_trial_pins_its_restore_point_its_own_newest_and_its_ranked_checkpoint():
    trial = Trial("t0", 0, {}, restore=POINT, own="own", rank=RANK, kept=(Kept("kept"),))
    assert sorted(trial.pins()) == ["own", "ranked", "restore"]


def test_a_trial_without_checkpoints_pins_nothing():
    assert Trial("t0", 0, {}, rank=Rank(1.0, 2, 2.0, 2.0, {})).pins() == []


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED])
def test_an_ended_trial_pins_only_its_result(status):
    trial = Trial("t0", 0, {}, status=status, restore=POINT, own="own", rank=RANK)
    assert trial.pins() == ["restore"]
