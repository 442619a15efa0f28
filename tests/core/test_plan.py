import msgspec
import pytest

from pbtune.core.decisions import Completed, Exploited, Halted, Ranked, Started, Yielded
from pbtune.core.events import Failed, Opened, Report, Reported, Saved
from pbtune.core.plan import Continue, Running, Start, Stop, place, plan
from pbtune.core.rng import seed_for
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.settings import Settings
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Status


@pytest.fixture(scope="module")
def settings(objective):
    return Settings(objective, FIFO(), {}, stop=StopRules((("acc", 0.9),)))


@pytest.fixture(scope="module")
def running(population, folded):
    """Members that all run, trained so far and saved there; None has saved nothing."""

    def make(*progress: float | None, waiting: int = 0):
        records = []
        for at, value in enumerate(progress):
            records.append(Started(f"t{at}", 1, at, 0, 0, 0.0))
            if value is not None:
                step = int(value)
                records.append(Saved(f"t{at}", 1, f"c{at}", step, value, value))
                records.append(Reported((Report(f"t{at}", 1, step, value),)))
        return folded(*records, state=population(len(progress) + waiting))

    return make


def placed(state, slot_count, held=()):
    """The placements, with the state after them checked."""
    new, placements = place(state, slot_count, held)
    new.validate()
    return new, placements


def started(placements):
    return [(one.trial, one.slot) for one in placements if isinstance(one, Started)]


def yielded(placements):
    return [one.trial for one in placements if isinstance(one, Yielded)]


def test_free_slots_go_to_the_first_who_wait(population):
    state, placements = placed(population(3), 2)
    assert started(placements) == [("t0", 0), ("t1", 1)]
    assert state.slots == {0: "t0", 1: "t1"}


def test_nobody_starts_twice_and_spare_slots_stay_free(population):
    state, placements = placed(population(1), 3)
    assert started(placements) == [("t0", 0)]
    assert placed(state, 3)[1] == []


def test_those_furthest_behind_go_first(running, folded):
    state = folded(Opened(2), state=running(9.0, 3.0, 6.0))
    assert started(placed(state, 2)[1]) == [("t1", 0), ("t2", 1)]


def test_an_attempt_starts_at_the_restore_point_and_says_what_it_supersedes(running, folded):
    state = folded(Failed("t0", 1, "ValueError", "oops"), state=running(4.0))
    assert placed(state, 1)[1] == [Started("t0", 2, 0, 0, 4, 4.0, "c0", supersedes=True)]


def test_a_first_attempt_starts_from_nothing(population):
    assert placed(population(1), 1)[1] == [Started("t0", 1, 0, 0, 0, 0.0)]


def test_a_member_that_has_just_saved_yields_to_one_that_is_behind(running):
    state, placements = placed(running(5.0, waiting=1), 1, held=["t0"])
    assert placements == [Yielded("t0", 1), Started("t1", 1, 0, 0, 0, 0.0)]
    assert state.trials["t0"].status is Status.PAUSED


def test_a_free_slot_never_causes_a_pause(running):
    state = running(5.0, waiting=1)
    assert placed(state, 2, held=["t0"])[1] == [Started("t1", 1, 1, 0, 0, 0.0)]


def test_nobody_yields_where_nobody_waits(running):
    assert placed(running(5.0, 1.0), 2, held=["t0", "t1"])[1] == []


def test_a_member_that_is_not_held_keeps_its_slot(running):
    assert placed(running(5.0, waiting=1), 1)[1] == []


def test_a_member_without_a_checkpoint_keeps_its_slot(running):
    assert placed(running(None, waiting=1), 1, held=["t0"])[1] == []


def test_a_member_that_would_lose_steps_keeps_its_slot(running, folded):
    beyond = Reported((Report("t0", 1, 7, 7.0),))
    state = folded(beyond, state=running(5.0, waiting=1))
    assert placed(state, 1, held=["t0"])[1] == []


def test_a_member_keeps_its_slot_if_all_who_wait_are_as_far(running, folded):
    state = folded(Yielded("t1", 1), state=running(5.0, 5.0))
    assert placed(state, 1, held=["t0"])[1] == []


def test_as_many_yield_as_are_behind(running, folded):
    state = folded(Yielded("t2", 1), state=running(9.0, 9.0, 4.0))
    _, placements = placed(state, 2, held=["t0", "t1"])
    assert yielded(placements) == ["t0"]
    assert started(placements) == [("t2", 0)]


def test_those_furthest_ahead_yield_first_so_that_nobody_yields_for_nothing(running, folded):
    # Given t2 and t3 waiting at 1 and 5, t0 held at 3 and t1 held at 7
    state = running(3.0, 7.0, 1.0, 5.0)
    state = folded(Yielded("t2", 1), Yielded("t3", 1), state=state)
    # Then t0 goes on: after t1 has made room for t2, nobody who waits is behind it
    _, placements = placed(state, 2, held=["t0", "t1"])
    assert yielded(placements) == ["t1"]
    assert started(placements) == [("t2", 1)]


def test_those_who_get_a_free_slot_are_not_waited_for(running, folded):
    # Given one free slot and one member behind, nobody has to yield for it
    state = folded(Yielded("t1", 1), state=running(9.0, 2.0))
    _, placements = placed(state, 2, held=["t0"])
    assert (yielded(placements), started(placements)) == ([], [("t1", 1)])


@pytest.mark.parametrize("end", [Halted("stopped"), Completed("t0", "done")])
def test_nothing_starts_in_a_run_that_is_finished(running, folded, end):
    state = folded(end, state=running(1.0))
    assert placed(state, 4) == (state, [])


def test_the_plan_is_empty_when_what_runs_is_what_should_run(settings, running):
    assert plan(settings, running(1.0), [Running(0, "t0", 1), Running(1)]) == []


def test_a_held_worker_goes_on_under_a_new_lease(settings, running):
    state = running(1.0)
    lease = settings.lease(state.trials["t0"])
    assert plan(settings, state, [Running(0, "t0", 1, is_held=True)]) == [
        Continue(0, "t0", 1, lease)
    ]


def test_an_empty_slot_is_started(settings, running):
    state = running(4.0)
    (command,) = plan(settings, state, [Running(0)])
    assert command == Start(
        slot=0,
        trial="t0",
        attempt=1,
        segment=0,
        config={"lr": 0.0},
        lease=settings.lease(state.trials["t0"]),
        seed=seed_for(7, "attempt", "t0", "0.4"),
        step=4,
        time_total_s=4.0,
        checkpoint="c0",
        checkpoint_number=1,
    )


@pytest.mark.parametrize("view", [Running(0, "t0", 0), Running(0, "t1", 1), Running(0, "t1", 3)])
def test_what_runs_under_another_name_or_an_old_attempt_is_replaced(settings, running, view):
    (command,) = plan(settings, running(4.0), [view])
    assert isinstance(command, Start)
    assert (command.trial, command.attempt) == ("t0", 1)


def test_a_retry_from_the_same_point_draws_the_same_numbers(settings, running, folded):
    state = running(4.0)
    (first,) = plan(settings, state, [Running(0)])
    state = folded(Failed("t0", 1, "ValueError", "oops"), state=state)
    (again,) = plan(settings, place(state, 1, [])[0], [Running(0, "t0", 1)])
    assert (again.attempt, again.seed, again.step) == (2, first.seed, first.step)


def test_what_should_not_run_is_stopped(settings, running, folded):
    state = folded(Completed("t0", "done"), state=running(4.0))
    assert plan(settings, state, [Running(0, "t0", 1), Running(1)]) == [Stop(0, "t0", 1)]


def test_in_a_halted_run_everything_is_stopped(settings, running, folded):
    state = folded(Halted("stopped"), state=running(4.0, 5.0))
    views = [Running(0, "t0", 1), Running(1, "t1", 1, is_held=True)]
    assert plan(settings, state, views) == [Stop(0, "t0", 1), Stop(1, "t1", 1)]


def test_a_start_from_another_members_weights_is_a_copy_until_it_has_its_own(
    settings, running, folded
):
    copied = [
        Ranked("t0", 4, 0.5, 4.0, 4.0, "c0"),
        Exploited("t1", "t0", "t0", {"lr": 0.5}, "c0", 4, 4.0, 4.0, 0.5),
    ]
    state, _ = place(folded(*copied, state=running(4.0, 2.0)), 2, [])
    (start,) = plan(settings, state, [Running(0, "t0", 1), Running(1, "t1", 1, is_held=True)])
    assert (start.is_copy, start.checkpoint, start.segment) == (True, "c0", 1)
    assert (start.config, start.checkpoint_number) == ({"lr": 0.5}, 1)
    state = folded(Saved("t1", 2, "d1", 5, 5.0, 5.0), state=state)
    (restart,) = plan(settings, state, [Running(0, "t0", 1), Running(1)])
    assert (restart.is_copy, restart.checkpoint) == (False, "d1")


def test_commands_are_plain_data(settings, running):
    (command,) = plan(settings, running(4.0), [Running(0)])
    assert msgspec.convert(msgspec.to_builtins(command), Start) == command


def test_where_all_slots_are_held_at_a_gate_older_checkpoints_are_gone_back_to(running, folded):
    state = running(2.0, 3.0, waiting=2)
    further = Reported((Report("t1", 1, 5, 5.0),))
    gated = [Ranked(f"t{at}", 5, 1.0, 5.0, 5.0, waits=True) for at in (0, 1)]
    state = folded(Reported((Report("t0", 1, 5, 5.0),)), further, *gated, state=state)
    new, placements = placed(state, 2, ["t0", "t1"])
    assert yielded(placements) == ["t0", "t1"]
    assert started(placements) == [("t2", 0), ("t3", 1)]
    # The steps since the checkpoints will be made again.
    assert [(new.trials[name].step, new.trials[name].redo) for name in ("t0", "t1")] == [
        (2, True),
        (3, True),
    ]


def test_only_as_many_go_back_as_others_wait(running, folded):
    state = running(2.0, None, 3.0, waiting=1)
    gated = [Ranked(f"t{at}", 5, 1.0, 5.0, 5.0, waits=True) for at in range(3)]
    reports = [Reported((Report(f"t{at}", 1, 5, 5.0),)) for at in range(3)]
    _, placements = placed(folded(*reports, *gated, state=state), 3, ["t0", "t1", "t2"])
    assert yielded(placements) == ["t0"]
