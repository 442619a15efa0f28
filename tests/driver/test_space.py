"""A full disk is said once, and so is its end."""

import pytest

from pbtune.core.events import Opened
from pbtune.driver.space import QUIET_S, Space
from pbtune.errors import StorageFull
from pbtune.executors.messages import AwaitsSpace

FULL = "The disk with the run's folder is full. The run waits until there is space."
AGAIN = "There is space again: the run goes on."


@pytest.fixture
def told():
    return []


@pytest.fixture
def space(told):
    return Space(told.append)


def test_who_waits_is_told_of_once(space, told):
    for at_s in (1.0, 2.0, 3.0):
        space.awaited("The disk with the run's folder is full.", at_s)
        space.look(at_s)
    assert told == [FULL]


def test_the_end_is_told_when_nobody_says_that_he_waits_any_more(space, told):
    space.awaited("Full.", 1.0)
    space.look(1.0 + QUIET_S)
    assert len(told) == 1
    space.look(1.1 + QUIET_S)
    space.look(9.0 + QUIET_S)
    assert told[1:] == [AGAIN]
    space.awaited("Full.", 20.0)
    assert len(told) == 3


def test_without_waiting_there_is_nothing_to_tell(space, told):
    space.look(1e9)
    space.found()
    assert told == []


def test_workers_that_wait_are_heard_and_nothing_is_journalled(opened_house):
    made, told = opened_house
    before = made.journal.records
    for _ in range(3):
        made.driver.turn([AwaitsSpace("t0", 1), AwaitsSpace("t1", 1)])
    assert told == [FULL]
    assert made.journal.records == before
    made.clock.jump(QUIET_S + 1.0)
    made.executor.script.append(list)
    made.driver._once()
    assert told == [FULL, AGAIN]


def test_a_commit_that_waits_is_told_and_another_s_success_ends_no_worker_s_waiting(opened_house):
    made, told = opened_house
    failures = iter([True, True, False, False, False])

    def fill(_records, _rows):
        if next(failures, False):
            raise StorageFull("The disk with run.db is full.")

    made.journal.on_append = fill
    made.say(made.asks("t0", 2, saves=True))
    assert told == ["The disk with run.db is full. The run waits until there is space.", AGAIN]
    told.clear()
    made.driver.turn([AwaitsSpace("t1", 1)])
    made.say(made.asks("t0", 4, saves=True))
    assert told == [FULL]


@pytest.fixture
def opened_house(house, told):
    made = house()
    made.driver.on_notice = told.append
    made.driver.react([Opened(1)])
    return made, told
