import math

import pytest

from pbtune.core.decisions import Evicted, Exploited, Ranked, Released, Started
from pbtune.core.events import Saved
from pbtune.core.retention import Retention, release


@pytest.fixture(scope="module")
def saved(population, folded):
    """A run whose t0 has saved c0, c1, … with these scores."""

    def save(*scores: float | None):
        records = [
            Saved("t0", 1, f"c{at}", at + 1, at + 1.0, at + 1.0, score)
            for at, score in enumerate(scores)
        ]
        return folded(Started("t0", 1, 0, 0, 0, 0.0), *records, state=population(2))

    return save


def evicted(state, retention):
    found = retention.evict(state, "t0")
    assert all(record.trial == "t0" for record in found)
    return [checkpoint for record in found for checkpoint in record.checkpoints]


def test_by_default_everything_is_kept(saved):
    assert evicted(saved(*[None] * 20), Retention()) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_nothing_goes_while_there_are_no_more_than_wanted(saved, count):
    assert evicted(saved(*[None] * count), Retention(2)) == []


def test_without_a_score_the_oldest_goes(saved):
    assert evicted(saved(None, None, None, None), Retention(2)) == ["c0", "c1"]


@pytest.mark.parametrize(("order", "worst"), [("max", ["c1"]), ("min", ["c0"])])
def test_with_a_score_the_worst_goes(saved, order, worst):
    assert evicted(saved(9.0, 1.0, 5.0), Retention(2, "acc", order)) == worst


def test_the_newest_stays_besides_the_best_however_bad_it_is(saved):
    assert evicted(saved(9.0, 1.0, -5.0), Retention(1, "acc")) == ["c1"]
    assert evicted(saved(9.0, -5.0), Retention(1, "acc")) == []
    assert evicted(saved(1.0, -5.0, 9.0), Retention(1, "acc")) == ["c0", "c1"]


@pytest.mark.parametrize("order", ["max", "min"])
@pytest.mark.parametrize("unknown", [math.nan, None])
def test_a_checkpoint_without_a_score_goes_first(saved, order, unknown):
    assert evicted(saved(9.0, unknown, 1.0, 5.0), Retention(3, "acc", order)) == ["c1"]


def test_among_equals_the_oldest_goes(saved):
    assert evicted(saved(1.0, 1.0, 1.0), Retention(2, "acc")) == ["c0"]


def test_an_evicted_checkpoint_is_released_when_nobody_needs_it(saved, folded):
    state = folded(Evicted("t0", ("c0",)), state=saved(None, None))
    assert release(state) == [Released(("c0",))]
    assert release(folded(*release(state), state=state)) == []


def test_nothing_is_released_while_everything_is_needed(saved):
    assert release(saved(None, None)) == []


def test_an_evicted_checkpoint_that_another_member_starts_from_lives_on(saved, folded):
    # Given a donor that is ranked by c0, and a copy of it that has not saved yet
    copied = Exploited("t1", "t0", "t0", {}, "c0", 1, 1.0, 1.0, 0.5)
    state = folded(Started("t1", 1, 1, 0, 0, 0.0), state=saved(None))
    state = folded(Ranked("t0", 1, 0.5, 1.0, 1.0, "c0"), copied, state=state)
    # When the donor moves on and no longer keeps it
    newer = Saved("t0", 1, "c1", 2, 2.0, 2.0)
    moves_on = [newer, Ranked("t0", 2, 0.6, 2.0, 2.0, "c1"), Evicted("t0", ("c0",))]
    state = folded(*moves_on, state=state)
    # Then it stays until the copy has committed one of its own
    assert release(state) == []
    saves = [Started("t1", 2, 1, 1, 1, 1.0, "c0"), Saved("t1", 2, "d0", 2, 2.0, 2.0)]
    assert release(folded(*saves, state=state)) == [Released(("c0",))]
