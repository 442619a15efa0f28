import math

from pbtune.core.decisions import Exploited, Ranked
from pbtune.core.objective import Objective
from pbtune.core.pareto import dominates
from pbtune.core.schedulers.mo_pbt import MOPBT
from pbtune.core.space import uniform

SPACE = {"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)}
METRICS = (("score", "max"), ("cost", "min"))
FIVE = {"perturbation_interval": 5.0, "attr": "training_iteration", "synch": True}
TWO = MOPBT(mutations=SPACE, metrics=METRICS, **FIVE)


def trade(weights, config, _step):
    """x buys score for cost; y wastes both."""
    weights += 1
    waste = abs(config["y"] - 0.5)
    return weights, {"score": config["x"] - waste, "cost": config["x"] ** 2 + waste}


def test_all_metrics_are_needed_and_watched(calls):
    needed = TWO.needed(Objective(seed=0, user_calls=calls, metric="score", mode="max"))
    assert [name for name, _ in needed] == ["score", "cost"]


def test_nobody_is_copied_who_is_dominated_by_whom_he_replaces(toy):
    run = toy(TWO, trade, SPACE, members=12, steps=40)
    values = {}
    copies = 0
    for record in run.records:
        if isinstance(record, Ranked):
            values[record.trial] = record.values
        elif isinstance(record, Exploited):
            copies += 1
            assert not dominates(values[record.trial], values[record.donor])
    assert copies > 5


def test_the_front_moves_and_stays_wide(toy):
    run = toy(TWO, trade, SPACE, members=12, steps=100, seed=2)
    waste = [abs(trial.config["y"] - 0.5) for trial in run.state.trials.values()]
    spread = [trial.config["x"] for trial in run.state.trials.values()]
    assert sorted(waste)[len(waste) // 2] < 0.1
    assert max(spread) - min(spread) > 0.5


def test_a_member_with_nan_in_any_metric_is_last(toy):
    def broken(weights, config, step):
        weights, values = trade(weights, config, step)
        return weights, values if config["x"] < 0.8 else {**values, "cost": math.nan}

    run = toy(TWO, broken, SPACE, members=12, steps=40)
    for record in run.of(Exploited):
        assert not math.isnan(record.score)
    ranked = {(it.trial, it.step): it.values for it in run.of(Ranked)}
    donors = [ranked[it.donor, it.step] for it in run.of(Exploited)]
    assert donors
    assert not any(math.isnan(cost) for _, cost in donors)
