"""Thousands of runs in which everything goes wrong, and what must hold in all of them.

A seed that fails is repeated, record by record, by the command that its failure prints.
"""

import pytest

from pbtune.testing.simulate import command, options_of, results, run_seed, shown, sweep

SEEDS = range(2000)
SWEPT = {
    "asynchronous, one slot": (
        "scheduler=pbt",
        "population=3",
        "slots=1",
        "rhythm=1",
        "end_step=6",
    ),
    "asynchronous": ("scheduler=pbt", "population=4", "slots=4", "keep=1", "end_step=6"),
    "synchronous, one slot": ("scheduler=sync", "population=3", "slots=1", "rhythm=1"),
    "synchronous": ("scheduler=sync", "population=4", "slots=4", "keep=1", "end_step=6"),
    "no population": ("scheduler=fifo", "population=3", "slots=2", "rhythm=2"),
}
QUIET = (
    *("attr=training_iteration", "damage=0.0", "lie=0.0", "death=0.0", "hang=0.0", "poison=0.0"),
    *("straggler_timeout_s=null", "fail_fast=false", "reopens=false", "extends=false"),
    *("end=stop", "interval=2.0", "burn_in=0.0", "quantile=0.5"),
)


def told(result, changes=()):
    return f"{result.violation}\n{shown(result.options)}\n{command(result, changes)}"


@pytest.mark.slow
def test_whatever_goes_wrong_every_promise_holds_and_the_run_ends():
    failed = [told(result) for result, _ in results(SEEDS, (), jobs=1) if result.violation]
    assert failed == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_a_driver_may_die_before_each_of_its_operations_and_again_while_it_recovers(name):
    changes = (*QUIET, *SWEPT[name])
    assert options_of(11, changes).is_comparable or name.startswith("asynchronous")
    swept = list(sweep(11, changes))
    assert len(swept) > 60
    assert [told(*it) for it in swept if it[0].violation] == []
    assert {len(result.died_at) for result, _ in swept} >= {1, 3}


@pytest.mark.slow
def test_the_seeds_are_worth_their_time():
    """Each fault happens in many of them, and each kind of death at some point."""
    found = [run_seed(seed, ()) for seed in range(400)]
    died_before = {name for result in found for name in result.died_at}
    assert died_before >= {
        *("append", "appended", "do", "wait", "entries", "close", "idle"),
        *("delete", "deleting", "sweep"),
    }
    assert sum(result.sessions > 1 for result in found) > 150
    assert sum(it.options.is_comparable and it.died_at != () for it in found) > 60
    for fault in ("death", "hang", "lie", "damage", "full", "broken", "poison"):
        assert sum(getattr(result.options, fault) > 0 for result in found) > 30, fault
