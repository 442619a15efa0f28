"""Members that go on although something of theirs is gone: a checkpoint, or their own end."""

import pytest

from pbtune.core.decisions import (
    Abandoned,
    Created,
    Evicted,
    Exploited,
    GateOpened,
    Halted,
    Ranked,
    Released,
    Retried,
    Started,
)
from pbtune.core.events import Damaged, Failed, Opened, Reopened, Rewound, Saved
from pbtune.core.pacing import stale_generations
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.settings import Settings
from pbtune.core.trial import Status
from pbtune.core.verify import RecordedCalls, verify


def saved(name, step, number):
    return Saved("t0", 1, name, step, float(step), float(step), number=number)


@pytest.mark.parametrize(("back_to", "status"), [("a", Status.PAUSED), (None, Status.PENDING)])
def test_a_member_that_has_just_failed_can_go_back_further(folded, back_to, status):
    step = 1 if back_to else 0
    state = folded(
        Created("t0", 0, {}),
        Started("t0", 1, 0, 0, 0, 0.0),
        saved("a", 1, 0),
        saved("b", 2, 1),
        Failed("t0", 1, "ValueError", "torn"),
        Retried("t0", 1),
        Damaged("b", "gone"),
        Rewound("t0", back_to, step, float(step), float(step)),
    )
    trial = state.trials["t0"]
    assert (trial.status, trial.step) == (status, step)
    assert (trial.restore and trial.restore.checkpoint) == back_to


def failed_for_good(folded):
    """t0, ranked by "a", trained on to "b", failed; nobody needed "a" any more."""
    return folded(
        Created("t0", 0, {"lr": 1}),
        Created("t1", 1, {"lr": 2}),
        Started("t0", 1, 0, 0, 0, 0.0),
        saved("a", 1, 0),
        Ranked("t0", 1, 0.5, 1.0, 1.0, "a"),
        saved("b", 2, 1),
        Evicted("t0", ("a",)),
        Failed("t0", 1, "ValueError", "again"),
        Abandoned("t0", 1),
        Released(("a",)),
    )


def test_a_reopened_member_is_no_donor_of_a_checkpoint_that_went_meanwhile(folded):
    state = folded(Reopened("t0"), state=failed_for_good(folded))
    trial = state.trials["t0"]
    assert trial.rank.checkpoint is None
    assert trial.rank.score == 0.5
    assert "a" not in state.references
    assert trial.restore.checkpoint == "b"


def test_a_failed_member_that_begins_anew_as_a_copy_is_no_such_donor_either(folded):
    state = failed_for_good(folded)
    copied = Exploited("t0", "t1", "t1", {"lr": 2}, "c", 3, 3.0, 3.0, 0.9)
    state = folded(copied, state=state)
    assert state.trials["t0"].rank.checkpoint is None
    assert set(state.references) == {"b", "c"}


def test_at_a_gate_staleness_does_not_depend_on_who_came_first(folded):
    """However many members there were when the best score came, and are now."""
    created = [Created(f"t{at}", at, {}) for at in range(3)]
    gates = []
    for order in ((0, 1, 2), (2, 1, 0)):
        ranks = [Ranked(f"t{at}", 1, float(at), 1.0, 1.0, waits=True) for at in order]
        state = folded(*created, *ranks, Abandoned("t0", 1), Abandoned("t1", 1))
        state = folded(GateOpened(1), state=state)
        again = Ranked("t2", 2, 1.0, 2.0, 2.0, waits=True)
        gates.append(stale_generations(folded(again, state=state)))
    assert gates == [1, 1]


def test_a_halt_for_want_of_slots_is_the_driver_s_and_no_difference(objective):
    settings = Settings(objective, FIFO(), {"lr": 1}, num_samples=1)
    records = [Opened(1), Created("t0", 0, {"lr": 1}), Halted("no slot is left")]
    _, count, difference = verify(
        settings, enumerate(records, start=1), RecordedCalls(), lambda _: settings
    )
    assert (count, difference) == (1, None)


def test_a_halt_that_a_failure_should_have_caused_is_recomputed(objective):
    settings = Settings(objective, FIFO(), {"lr": 1}, num_samples=1)
    records = [Opened(1), Created("t0", 0, {"lr": 1}), Halted("t0 failed", "t0")]
    *_, difference = verify(
        settings, enumerate(records, start=1), RecordedCalls(), lambda _: settings
    )
    assert difference is not None
    assert difference.recorded == records[-1]
