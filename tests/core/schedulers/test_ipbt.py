import pytest

from pbtune.core.decisions import Exploited, GateOpened, IntervalGrown, Ranked, Restarted
from pbtune.core.schedulers.ipbt import IPBT
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.space import uniform

SPACE = {"x": uniform(0.0, 1.0)}
TWO = {"perturbation_interval": 2.0, "attr": "training_iteration"}


def ipbt(**changes):
    return IPBT(method=PBT(mutations=SPACE), **TWO, **changes)


def plateau(weights, config, _step):
    """Rises to 3 and no further."""
    weights = min(weights + config["x"], 3.0)
    return weights, weights


def test_on_stagnation_intervals_double_and_some_begin_anew(toy):
    run = toy(ipbt(patience=2), plateau, SPACE, members=8, steps=60)
    grown = run.of(IntervalGrown)
    assert [it.interval for it in grown] == [2.0 * 2**n for n in range(1, len(grown) + 1)]
    assert len(grown) >= 2
    assert run.of(Restarted)
    run.check()


def slowing(weights, config, step):
    """Rises for ever, by less and less."""
    weights = 1 - 0.9 * (1 - weights)
    return weights, weights + step * 1e-6


def test_a_population_that_hardly_improves_is_restarted_before_it_stands_still(toy):
    run = toy(ipbt(slow_window=5), slowing, SPACE, members=4, steps=80)
    grown = run.of(IntervalGrown)
    assert "hardly better" in grown[0].reason
    assert not toy(ipbt(slow_window=None), slowing, SPACE, members=4, steps=80).of(IntervalGrown)
    run.check()


def test_everybody_begins_anew_at_a_restart_one_way_or_the_other(toy):
    run = toy(ipbt(patience=1), plateau, SPACE, members=8, steps=40)
    at = next(i for i, it in enumerate(run.records) if isinstance(it, IntervalGrown))
    again = []
    for record in reversed(run.records[:at]):
        if not isinstance(record, (Restarted, Exploited)):
            break
        again.append(record.trial)
    assert sorted(again) == [f"t{index}" for index in range(8)]
    assert isinstance(run.records[at + 1], GateOpened)


def test_a_fresh_member_keeps_its_budget(toy):
    run = toy(ipbt(patience=1, fresh_fraction=1.0), plateau, SPACE, members=4, steps=30)
    assert run.of(Restarted)
    assert run.step_count == 4 * 30
    for name in run.state.trials:
        steps = [it.step for it in run.of(Ranked) if it.trial == name]
        assert steps == sorted(set(steps))


def test_without_fresh_weights_all_go_on_from_the_best(toy):
    run = toy(ipbt(patience=1, fresh_fraction=0.0), plateau, SPACE, members=4, steps=30)
    assert not run.of(Restarted)
    assert run.of(IntervalGrown)


def test_the_function_is_told_how_often_it_was_restarted_and_keeps_its_own_weights(toy):
    scheduler = ipbt(patience=1, restart_key="restarts", fresh_fraction=0.0)
    run = toy(scheduler, plateau, SPACE, members=4, steps=30)
    count = len(run.of(IntervalGrown))
    assert {trial.config["restarts"] for trial in run.state.trials.values()} == {count}
    assert {trial.first["restarts"] for trial in run.state.trials.values()} == {0}
    shrunk = [it for it in run.of(Exploited) if it.config["restarts"] > it.old_config["restarts"]]
    assert shrunk
    assert all(it.donor == it.trial for it in shrunk)


def test_no_restart_comes_too_late_for_two_intervals(toy):
    run = toy(ipbt(patience=1, budget=20.0), plateau, SPACE, members=4, steps=20)
    starts = [it for it in run.of(IntervalGrown) if it.interval == 16.0]
    assert not starts


@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_a_population_that_improves_is_left_alone(toy, hill, factor):
    space = {"x": uniform(0.6, 0.8)}
    scheduler = IPBT(method=PBT(mutations=space), interval_factor=factor, **TWO)
    assert not toy(scheduler, hill, space, steps=40).of(IntervalGrown)
