import math

import pytest

from pbtune.core.decisions import Exploited, Skipped
from pbtune.core.schedulers.scheduled import Cosine, Fixed, Scheduled
from pbtune.core.space import uniform
from pbtune.errors import SettingsError

SPACE = {"x": uniform(0.5, 1.0)}


def test_a_cosine_begins_at_what_was_sampled_and_ends_at_its_share(toy):
    def train(weights, config, step):
        return weights + config["x"], config["x"]

    plan = Cosine(("x",), 40.0, final_fraction=0.1)
    run = toy(Scheduled(plan=plan, interval=4.0), train, SPACE, members=3, steps=40)
    for trial in run.state.trials.values():
        first = trial.first["x"]
        values = [first, *(it.config["x"] for it in run.of(Exploited) if it.trial == trial.id)]
        wave = [(1 + math.cos(math.pi * at / 10)) / 2 for at in range(10)]
        assert values == pytest.approx([first * (0.1 + 0.9 * it) for it in wave])


def test_members_keep_their_weights_and_their_budget(toy, hill):
    run = toy(Scheduled(plan=Cosine(("x",), 40.0), interval=4.0), hill, SPACE, members=3, steps=40)
    assert run.step_count == 3 * 40
    assert all(it.donor == it.trial == it.config_donor for it in run.of(Exploited))


def test_a_fixed_schedule_is_everybodys():
    plan = Fixed(((0.0, {"x": 1}), (10.0, {"x": 2, "net/y": [3]})))
    assert plan.config({"x": 9, "net": {"z": 0}}, 9.0) == {"x": 1, "net": {"z": 0}}
    assert plan.config({"x": 9, "net": {"z": 0}}, 10.0) == {"x": 2, "net": {"z": 0, "y": [3]}}


def test_without_a_checkpoint_a_config_stays_and_the_reason_is_recorded(
    population, folded, report, objective
):
    from pbtune.core.decisions import Started

    state = folded(Started("t0", 1, 0, 0, 0, 0.0), state=population(1))
    scheduler = Scheduled(plan=Fixed(((2.0, {"lr": 5.0}),)), interval=2.0)
    assert scheduler.on_report(state, report("t0", 3), objective) == []
    assert isinstance(scheduler.on_report(state, report("t0", 4), objective)[1], Skipped)


@pytest.mark.parametrize("value", ["fast", True, None])
def test_what_is_no_number_cannot_decay(value):
    with pytest.raises(SettingsError, match="cosine decay needs a number at 'x'"):
        Cosine(("x",), 4.0).config({"x": value}, 1.0)


def test_a_schedule_through_a_value_that_is_no_dict_is_named():
    with pytest.raises(SettingsError, match="names 'x/y', but 'x' is no dict"):
        Fixed(((0.0, {"x/y": 1}),)).config({"x": 3}, 0.0)
