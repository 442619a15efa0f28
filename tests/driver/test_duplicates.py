"""Messages that arrive twice, as they do where a sender can't know whether the first one came."""

import pytest

from pbtune.core.events import Opened


@pytest.fixture
def opened(house):
    made = house()
    made.driver.react([Opened(1)])
    return made


def test_a_report_that_arrives_twice_is_stored_and_judged_once(opened):
    report = opened.asks("t0", 2, saves=True)
    opened.say(report)
    records, steps = opened.journal.records, opened.journal.steps()
    opened.driver.turn([report])
    assert opened.journal.records == records
    assert opened.journal.steps() == steps


def test_in_one_batch_too(opened):
    report = opened.streams("t0", 1)
    opened.driver.turn([report, report])
    assert opened.journal.steps() == [("t0", 1, 1)]


def test_a_streamed_report_that_arrives_again_behind_later_ones_is_dropped(opened):
    first, second = opened.streams("t0", 1, saves=True), opened.streams("t0", 2)
    opened.driver.turn([first, second])
    records = opened.journal.records
    opened.driver.turn([first])
    assert opened.journal.records == records
    assert opened.journal.steps() == [("t0", 1, 1), ("t0", 1, 2)]


def test_the_next_attempt_may_report_the_same_steps(house):
    made = house(max_failures=-1)
    made.driver.react([Opened(1)])
    made.driver.turn([made.streams("t0", 1)])
    made.driver.react([Opened(2)])
    made.driver.turn([made.streams("t0", 1)])
    assert made.journal.steps() == [("t0", 1, 1), ("t0", 2, 1)]


def test_what_arrives_late_and_twice_is_stored_once(house):
    made = house(members=1, slots=1)
    made.driver.interrupted = lambda: True
    made.driver.react([Opened(1)])
    report = made.streams("t0", 1, attempt=2)
    made.executor.late = [report, report]
    made.driver.run()
    assert made.journal.steps() == [("t0", 2, 1)]
