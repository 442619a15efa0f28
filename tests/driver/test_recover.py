"""Taking up a run: what was kept of it, and what came after that."""

import pytest

from pbtune.core.events import Opened
from pbtune.driver.recover import recover, recover_entries, same
from pbtune.executors.messages import Died, Finished


def two_intervals(house):
    """Script lines: both members are ready twice, and one dies in between."""
    return [
        lambda: [house.asks("t0", 2, saves=True), house.asks("t1", 2, saves=True, score=-1.0)],
        lambda: [Died("t0", house.attempt("t0"), "killed")],
        lambda: [house.asks("t0", 4, saves=True, score=9.0)],
        lambda: [Finished("t0", house.attempt("t0")), Finished("t1", house.attempt("t1"))],
    ]


@pytest.fixture
def driven(house):
    """A run that has come to its end; ``keep_every`` records its state was kept."""

    def make(keep_every):
        made = house(max_failures=1)
        made.executor.script.extend(two_intervals(made))
        made.driver.keep_every = keep_every
        made.driver.run()
        return made

    return make


@pytest.mark.parametrize("keep_every", [1, 2, 3, 5, 8, 13, 10_000])
def test_what_was_kept_and_what_came_after_is_what_all_records_fold_to(driven, keep_every):
    made = driven(keep_every)
    whole = recover_entries(made.journal.entries())
    assert whole.state == made.state
    assert same(recover(made.journal), whole)


def test_only_what_came_after_is_folded(driven, monkeypatch):
    made = driven(1)
    last, _ = made.journal.kept()
    assert last == len(made.journal.records)
    monkeypatch.setattr("pbtune.driver.recover.fold", None)
    assert recover(made.journal).state == made.state


def test_a_short_run_keeps_nothing(driven):
    made = driven(10_000)
    assert made.journal.kept()[0] == 0


def test_a_large_population_is_kept_less_often(house):
    made = house(members=30, slots=1)
    made.driver.keep_every = 10
    made.driver.react([Opened(1)])
    assert len(made.journal.records) > 30
    assert made.journal.kept()[0] == 0
