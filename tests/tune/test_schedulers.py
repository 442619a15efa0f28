"""The schedulers by the names and arguments that users type."""

import re
import warnings
from pathlib import Path

import msgspec
import pytest

from pbtune import tune
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.selection import BinaryTournament, TTest
from pbtune.core.space import Categorical, Float, Integer
from pbtune.errors import SettingsError, SpaceError
from pbtune.tune import schedulers
from pbtune.tune.checking import check_run
from pbtune.tune.pacing import warn_of_many_generations
from pbtune.tune.pareto import pareto_set

SPACE = {
    "lr": tune.loguniform(1e-4, 1e-1),
    "batch": tune.choice([16, 32, 64]),
    "act": tune.choice(["relu", "tanh"]),
}
FIVE = {"time_attr": "training_iteration", "perturbation_interval": 5}


def climb(config):
    """Gains by how near lr is to 0.02; a restart shrinks what was gained."""
    from pathlib import Path

    from pbtune import tune

    step, gained, restarts = 0, 0.0, 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as path:
            words = (Path(path) / "state.txt").read_text().split()
        step, gained, restarts = int(words[0]), float(words[1]), int(words[2])
    if config.get("restarts", 0) > restarts:
        gained *= 0.2
    while step < 30:
        step += 1
        gained += 1 - abs(config["lr"] - 0.02) * 10 + (config["act"] == "tanh")
        gained -= config["batch"] / 1000
        with tune.new_checkpoint() as path:
            state = f"{step} {gained} {config.get('restarts', 0)}"
            (Path(path) / "state.txt").write_text(state)
            saved = tune.Checkpoint.from_directory(path)
            tune.report({"score": gained, "cost": config["lr"]}, checkpoint=saved)


@pytest.mark.parametrize("name", ["truncation", "tournament", "t-test", "gap"])
def test_every_selection_has_a_short_name(name):
    scheduler = schedulers.PopulationBasedTraining(selection=name)
    assert scheduler.selection == scheduler.resolve(SPACE).selection


def test_a_selection_can_be_given_with_its_settings():
    scheduler = schedulers.PB2(selection=TTest(window=4))
    assert scheduler.resolve(SPACE).selection == TTest(window=4)
    assert schedulers.PB2(selection="tournament").selection == BinaryTournament()


def test_an_unknown_selection_is_named_with_those_there_are():
    with pytest.raises(SettingsError, match="'truncation', 'tournament', 't-test', 'gap'"):
        schedulers.PopulationBasedTraining(selection="roulette")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (4, schedulers.IntervalGrowth(every=4)),
        ("stagnation", schedulers.IntervalGrowth(patience=5)),
        (schedulers.IntervalGrowth(3.0, every=2), schedulers.IntervalGrowth(3.0, every=2)),
        (None, None),
    ],
)
def test_interval_growth_has_short_names(given, expected):
    scheduler = schedulers.PopulationBasedTraining(interval_growth=given)
    assert scheduler.resolve(SPACE).growth == expected


@pytest.mark.parametrize("given", [0, True, "often", 2.5])
def test_an_interval_growth_that_is_none_is_refused(given):
    with pytest.raises(SettingsError, match="interval_growth must be"):
        schedulers.PopulationBasedTraining(interval_growth=given)


def test_pb2_has_rays_arguments_and_defaults():
    scheduler = schedulers.PB2()
    assert (scheduler.time_attr, scheduler.perturbation_interval) == ("time_total_s", 60.0)
    assert (scheduler.quantile_fraction, scheduler.synch) == (0.25, False)
    assert schedulers.pb2.PB2 is schedulers.PB2


def test_pb2s_bounds_take_scale_and_type_from_the_search_space():
    space = {**SPACE, "net": {"units": tune.lograndint(8, 513), "drop": tune.uniform(0, 1)}}
    bounds = {
        "lr": [1e-3, 1e-2],
        "net": {"units": [16, 64], "drop": [0.1, 0.5]},
        "new": [2, 4],
        "act": tune.choice(["relu", "gelu"]),
    }
    found = schedulers.PB2(hyperparam_bounds=bounds).resolve(space).bounds
    assert found["lr"] == Float(1e-3, 1e-2, is_log=True)
    assert found["net"] == {"units": Integer(16, 64, is_log=True), "drop": Float(0.1, 0.5)}
    assert found["new"] == Float(2.0, 4.0)
    assert found["act"] == Categorical(("relu", "gelu"))


@pytest.mark.parametrize("given", [[2, 1], [1], "ab", 3, [1, None]])
def test_bounds_that_are_none_are_named(given):
    with pytest.raises(SpaceError, match=r"hyperparam_bounds\['net/lr'\] must be \[low, high\]"):
        schedulers.PB2(hyperparam_bounds={"net": {"lr": given}})


def test_a_hyperparameter_without_bounds_is_nothing_for_a_model():
    with pytest.raises(SpaceError, match="a model needs bounds or categories for 'noise'"):
        schedulers.PB2().resolve({"noise": tune.randn()})


@pytest.mark.parametrize(
    "scheduler",
    [schedulers.PB2(), schedulers.MFPBT(), schedulers.MOPBT(["a", "b"], ["max", "min"])],
    ids=lambda it: type(it).__name__,
)
def test_a_method_with_nothing_to_mutate_says_so(scheduler):
    with pytest.raises(SpaceError, match=f"{type(scheduler).__name__} has nothing to mutate"):
        scheduler.resolve({"lr": 0.1})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: schedulers.MFPBT(frequencies=(5, 1)), "frequencies must be ascending"),
        (lambda: schedulers.MFPBT(frequencies=(0, 1)), "frequencies must be ascending"),
        (lambda: schedulers.MFPBT(perturbation_factors=(0.0,)), "perturbation_factors must be"),
        (lambda: schedulers.MOPBT(["a"], ["max"]), "metric must be a list of two or more"),
        (lambda: schedulers.MOPBT("ab", ["max", "max"]), "metric must be a list of two or more"),
        (lambda: schedulers.MOPBT(["a", "b"], ["max"]), "mode must be a list with one"),
        (lambda: schedulers.MOPBT(["a", "b"], ["max", "up"]), "mode"),
        (lambda: schedulers.IPBT(schedulers.MFPBT()), "method must be"),
        (lambda: schedulers.IPBT(schedulers.PB2(), patience=0), "patience must be"),
        (lambda: schedulers.IPBT(schedulers.PB2(interval_growth=2)), "IPBT grows it itself"),
        (lambda: schedulers.MFPBT(budget=0), "budget must be"),
        (
            lambda: schedulers.MOPBT(["a", "b"], ["max", "max"], selection="gap"),
            'selection must be "truncation" or "tournament"',
        ),
        (
            lambda: schedulers.MOPBT(["a", "b"], ["max", "max"], interval_growth="stagnation"),
            "interval_growth must be a count",
        ),
        (lambda: schedulers.IPBT(schedulers.PB2(), slow_window=1), "slow_window must be"),
        (lambda: schedulers.CosineDecay(total=0), "total must be > 0"),
        (lambda: schedulers.FixedSchedule({}), "pieces must be at least one piece"),
        (lambda: schedulers.ExploitOnly(quantile_fraction=0.6), "quantile_fraction must be"),
        (lambda: schedulers.PB2(custom_explore_fn=3), "custom_explore_fn must be callable"),
    ],
)
def test_a_setting_out_of_its_range_is_named(make, said):
    with pytest.raises(SettingsError, match=said):
        make()


def test_random_search_copies_nobody():
    assert schedulers.RandomSearch().resolve(SPACE) == FIFO()
    assert schedulers.RandomSearch().mutations(SPACE) == {}


def test_cosine_decay_takes_the_log_scaled_floats_or_those_it_is_told():
    space = {"net": {"lr": tune.loguniform(1e-3, 1)}, "drop": tune.uniform(0, 1)}
    assert schedulers.CosineDecay(total=9).resolve(space).plan.paths == ("net/lr",)
    assert schedulers.CosineDecay(total=9, paths=["drop"]).resolve(space).plan.paths == ("drop",)
    with pytest.raises(SpaceError, match="CosineDecay has nothing to decay"):
        schedulers.CosineDecay(total=9).resolve({"drop": tune.uniform(0, 1)})


@pytest.mark.parametrize(("interval", "is_many"), [(5.0, False), (0.5, True)])
def test_more_than_a_hundred_generations_are_warned_of(interval, is_many):
    scheduler = schedulers.PopulationBasedTraining(
        time_attr="training_iteration", perturbation_interval=interval
    ).resolve(SPACE)
    stop = (("training_iteration", 100.0),)
    if is_many:
        with pytest.warns(tune.PbtuneWarning, match="compares every member 200 times"):
            warn_of_many_generations(scheduler, stop, 8)
        growing = msgspec.structs.replace(scheduler, growth=schedulers.IntervalGrowth(every=10))
        warn_of_many_generations(growing, stop, 8)
    else:
        warn_of_many_generations(scheduler, stop, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_many_generations(scheduler, (("loss", 1.0),), 8)
        warn_of_many_generations(FIFO(), stop, 8)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"perturbation_interval": 5, "frequencies": (1, 2)}, None),
        ({"perturbation_interval": 0.5}, None),
        ({"perturbation_interval": 0.4, "frequencies": (1, 2)}, "compared 125 times"),
        ({"perturbation_interval": 10}, "compared 2 times until .* too seldom"),
        ({"perturbation_interval": 10, "budget": 100}, None),
    ],
)
def test_of_several_frequencies_the_slowest_is_warned_of(wishes, said):
    scheduler = schedulers.MFPBT(time_attr="training_iteration", **wishes).resolve(SPACE)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_many_generations(scheduler, (("training_iteration", 100.0),), 8)
    texts = [str(it.message) for it in caught]
    assert len(texts) == (said is not None)
    assert said is None or re.search(said, texts[0])


def test_an_iterated_run_may_begin_with_short_intervals():
    method = schedulers.PopulationBasedTraining(
        time_attr="training_iteration", perturbation_interval=0.5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stop = (("training_iteration", 100.0),)
        warn_of_many_generations(schedulers.IPBT(method).resolve(SPACE), stop, 8)


@pytest.mark.parametrize(
    "make",
    [
        schedulers.PopulationBasedTraining,
        schedulers.PB2,
        schedulers.MFPBT,
        schedulers.ExploitOnly,
        lambda **wishes: schedulers.MOPBT(["a", "b"], ["max", "min"], **wishes),
        lambda selection, interval_growth: schedulers.IPBT(schedulers.PB2(selection=selection)),
    ],
)
def test_every_method_takes_a_selection_and_a_growing_interval(make):
    resolved = make(selection="tournament", interval_growth=4).resolve(SPACE)
    assert resolved.selection == BinaryTournament()
    assert resolved.growth in {schedulers.IntervalGrowth(every=4), None}


SCHEDULERS = {
    "pb2": lambda: schedulers.PB2(**FIVE, synch=True, trust_region=True, backtrack=True),
    "mf-pbt": lambda: schedulers.MFPBT(**FIVE, frequencies=(1, 2)),
    "ipbt": lambda: schedulers.IPBT(
        schedulers.PB2(**FIVE), patience=1, restart_key="restarts", budget=30
    ),
    "mo-pbt": lambda: schedulers.MOPBT(["score", "cost"], ["max", "min"], **FIVE),
    "cosine": lambda: schedulers.CosineDecay(total=30, interval=5),
    "fixed": lambda: schedulers.FixedSchedule({10: {"lr": 0.02}}, interval=5),
    "exploit only": lambda: schedulers.ExploitOnly(**FIVE),
    "backtracking": lambda: schedulers.PopulationBasedTraining(**FIVE, backtrack=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_method_trains_a_population_and_its_journal_verifies(fit, name):
    scheduler = SCHEDULERS[name]()
    wishes = {} if scheduler.metric else {"metric": "score", "mode": "max"}
    results = fit(
        climb,
        param_space=SPACE,
        num_samples=6,
        scheduler=scheduler,
        run={"stop": {"training_iteration": 30}},
        slots=2,
        **wishes,
    )
    assert not results.errors
    assert all(result.metrics["training_iteration"] == 30 for result in results)
    checked = check_run(Path(results.experiment_path))
    assert checked.difference is None
    if name == "mo-pbt":
        best = pareto_set(results, ["score", "cost"], ["max", "min"])
        assert 1 <= len(best) <= 6
        assert results.get_best_result().metrics["score"] in [it.metrics["score"] for it in best]
    if name == "fixed":
        assert all(result.config["lr"] == 0.02 for result in results)
