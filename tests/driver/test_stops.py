"""The loop asks the user's stoppers in order, and records what they say."""

import pytest

from pbtune.core.decisions import Completed, Yielded
from pbtune.core.events import Opened, Reported, StoppedAll
from pbtune.core.lease import Lease
from pbtune.core.plan import Continue, Start
from pbtune.core.trial import Status
from pbtune.driver.stops import AbstractStops
from pbtune.executors.messages import Finished


class Scripted(AbstractStops):
    """Ends trials at the steps that are given, and the run after so many reports."""

    def __init__(self, steps=(), after=None):
        self.steps = steps
        self.after = after
        self.asked = []
        self.whole_count = 0

    def ends(self, trial, row):
        self.asked.append((row.trial, row.step, trial.step))
        return "enough" if (row.trial, row.step) in self.steps else ""

    def ends_all(self):
        self.whole_count += 1
        return "all over" if self.after is not None and len(self.asked) >= self.after else ""


@pytest.fixture
def stopped(house):
    """A house with a stopper, under which every report blocks."""

    def make(stops, script=(), **settings):
        made = house(script, interval=None, every=True, **settings)
        made.driver.stops = stops
        return made

    return make


def test_a_report_carries_the_answer_and_its_trial_ends(stopped):
    stops = Scripted({("t0", 2)})
    made = stopped(stops)
    made.driver.react([Opened(1)])
    made.say(made.asks("t0", 1))
    made.say(made.asks("t0", 2))
    assert stops.asked == [("t0", 1, 0), ("t0", 2, 1)]
    reports = [report for it in made.journal.of(Reported) for report in it.reports]
    assert [report.stop for report in reports] == ["", "enough"]
    assert made.journal.of(Completed) == [Completed("t0", "enough")]


def test_every_verdict_leases_nothing_ahead(stopped):
    made = stopped(Scripted())
    made.driver.react([Opened(1)])
    made.say(made.asks("t0", 1))
    starts = [it for it in made.executor.commands if isinstance(it, (Start, Continue))]
    assert {it.lease for it in starts} == {Lease((), every=True)}


def test_a_message_that_is_no_report_asks_about_the_run_only(stopped):
    stops = Scripted()
    made = stopped(stops)
    made.driver.react([Opened(1)])
    made.say(Finished("t0", made.attempt("t0")))
    assert stops.asked == []
    assert stops.whole_count == 1
    assert made.state.trials["t0"].status is Status.DONE


def test_all_trials_end_with_the_report_that_the_run_ends_at(stopped):
    stops = Scripted(after=2)
    made = stopped(stops, members=4)
    made.driver.react([Opened(1)])
    messages = [made.asks("t0", 1), made.asks("t1", 1), made.asks("t0", 2)]
    for message in messages[:2]:
        made.executor.hear(message)
    made.driver.turn(messages)
    # What came behind it in the same batch is of trials that have ended.
    assert stops.asked == [("t0", 1, 0), ("t1", 1, 0)]
    assert made.journal.of(StoppedAll) == [StoppedAll("all over")]
    assert made.journal.of(Completed) == [Completed(f"t{n}", "all over") for n in range(4)]
    assert made.state.is_finished


def test_a_run_may_be_over_before_anything_starts(stopped):
    made = stopped(Scripted(after=0))
    assert made.driver.run().is_finished
    assert made.executor.commands == []
    assert len(made.journal.of(StoppedAll)) == 1


def test_the_run_is_asked_about_while_nobody_reports(stopped):
    stops = Scripted(after=0)
    made = stopped(stops)

    def silence():
        stops.after = 0
        return []

    stops.after = None
    made.executor.script.extend([list, silence])
    assert made.driver.run().is_finished
    assert made.journal.of(StoppedAll) == [StoppedAll("all over")]


def test_what_a_stopper_raises_leaves_the_run_as_it_was(stopped):
    made = stopped(Scripted())
    made.driver.react([Opened(1)])
    before = made.journal.kinds()

    def broken(trial, row):
        raise LookupError

    made.driver.stops.ends = broken
    with pytest.raises(LookupError):
        made.say(made.asks("t0", 1))
    assert made.journal.kinds() == before


def test_a_stopper_is_no_reason_to_change_who_trains(stopped):
    made = stopped(Scripted(), members=2, slots=1)
    made.driver.react([Opened(1)])
    made.say(made.asks("t0", 1, saves=True))
    assert made.journal.of(Yielded) == []


def test_at_the_end_of_an_interval_a_slot_still_changes_hands(house):
    made = house(members=2, slots=1, interval=2, every=True)
    made.driver.stops = Scripted()
    made.driver.react([Opened(1)])
    made.say(made.asks("t0", 1, saves=True))
    made.say(made.asks("t0", 2, saves=True))
    assert [it.trial for it in made.journal.of(Yielded)] == ["t0"]
