import pytest

from pbtune.journal.reader import StoredReport
from pbtune.reporting.backlog import Backlog


def stored(number, trial, step, attempt=1):
    return StoredReport(number, trial, attempt, 0, step, 0.0, 0.0, "{}", None, None)


@pytest.fixture
def backlog():
    """t0 and t1 by turns, two reports each; then t0's second attempt."""
    made = Backlog()
    reports = [stored(1, "t0", 1), stored(2, "t1", 1), stored(3, "t0", 2), stored(5, "t1", 2)]
    assert made.add(reports) == 5
    assert made.add([stored(6, "t0", 2, attempt=2)]) == 6
    return made


def ids(reports):
    return [report.id for report in reports]


def test_those_up_to_a_place_come_once_whoever_reported_them(backlog):
    assert ids(backlog.until(("t0", 1, 2))) == [1, 2, 3]
    assert ids(backlog.until(("t0", 1, 2))) == []
    assert ids(backlog.all()) == [5, 6]
    assert len(backlog) == 0


def test_a_place_that_is_not_there_gives_nothing(backlog):
    assert ids(backlog.until(("t9", 1, 1))) == []
    assert len(backlog) == 5


def test_those_of_a_trial_come_up_to_an_attempt(backlog):
    assert ids(backlog.of("t0", 1)) == [1, 3]
    assert ids(backlog.of("t9", 1)) == []
    assert ids(backlog.of("t0", 2)) == [6]
    assert ids(backlog.all()) == [2, 5]


def test_nothing_new_has_no_highest_id(backlog):
    assert backlog.add([]) == 0
