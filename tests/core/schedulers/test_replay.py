import pytest

from pbtune.core.decisions import Exploited, Ranked, Skipped, Started
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.schedulers.replay import Replay, overlaid
from pbtune.core.space import uniform
from pbtune.core.trial import Trial
from pbtune.errors import SettingsError

CHANGES = ((4, {"lr": 2.0}), (8, {"lr": 3.0, "net": {"units": 2}}))
REPLAY = Replay(initial={"lr": 1.0, "net": {"units": 1}}, changes=CHANGES)


@pytest.fixture
def running(population, folded):
    return folded(Started("t0", 1, 0, 0, 0, 0.0), state=population(1))


def test_configs_change_where_the_schedule_says(toy):
    seen = []

    def train(weights, config, step):
        seen.append((step, config["lr"], config["net"]["units"], config["data"]))
        return weights + config["lr"], weights

    run = toy(REPLAY, train, {"data": "d", "lr": uniform(0.0, 1.0)}, members=1, steps=10)
    run.check()
    assert seen == [
        *((step, 1.0, 1, "d") for step in range(1, 5)),
        *((step, 2.0, 1, "d") for step in range(5, 9)),
        *((step, 3.0, 2, "d") for step in range(9, 11)),
    ]
    assert [it.trial for it in run.of(Exploited)] == ["t0", "t0"]


def test_the_next_change_blocks_where_a_checkpoint_comes_with_it():
    steps = "training_iteration"
    trial = Trial("t0", 0, {})
    assert REPLAY.rules(trial) == (Rule(steps, 4.0, needs_checkpoint=True), Rule(steps, 8.0))
    later = Trial("t0", 0, {}, interval_start=5.0)
    assert REPLAY.rules(later) == (Rule(steps, 8.0, needs_checkpoint=True), Rule(steps, 11.0))
    assert REPLAY.rules(Trial("t0", 0, {}, interval_start=8.0)) == ()


def test_a_change_waits_for_a_checkpoint(running, report, objective):
    assert REPLAY.on_report(running, report("t0", 3, "c"), objective) == []
    assert REPLAY.on_report(running, report("t0", 5), objective) == []
    ranked, skipped = REPLAY.on_report(running, report("t0", 8), objective)
    assert (type(ranked), type(skipped)) == (Ranked, Skipped)


def test_after_a_report_that_passed_several_changes_the_last_one_holds(running, report, objective):
    _, changed = REPLAY.on_report(running, report("t0", 9, "c"), objective)
    assert changed.config["lr"] == 3.0
    assert changed.checkpoint == "c"


def test_a_change_that_changes_nothing_costs_no_restart(running, report, objective):
    replay = Replay(initial={}, changes=((2, {"lr": 0.0}),))
    assert [type(it) for it in replay.on_report(running, report("t0", 2, "c"), objective)] == [
        Ranked
    ]


def test_after_the_last_change_nothing_is_decided(folded, running, report, objective):
    replay = Replay(initial={})
    assert replay.on_report(running, report("t0", 9, "c"), objective) == []


def test_without_any_config_there_is_nothing_to_train(objective):
    with pytest.raises(SettingsError, match="there is nothing to train"):
        Replay(initial={}).first_config({}, "t0", objective)
    assert Replay(initial={}).first_config({"lr": 1}, "t0", objective) == {"lr": 1}


def test_overlaying_changes_neither(objective, calls):
    old, new = {"net": {"a": 1, "b": [1]}, "x": 1}, {"net": {"a": 2}, "y": {"z": 3}}
    assert overlaid(old, new) == {"net": {"a": 2, "b": [1]}, "x": 1, "y": {"z": 3}}
    assert old == {"net": {"a": 1, "b": [1]}, "x": 1}
    assert REPLAY.needed(objective) == (("score", "results are ranked by"),)
    assert REPLAY.needed(Objective(0, calls)) == ()
    assert (REPLAY.version, REPLAY.time_attr) == (1, "training_iteration")
