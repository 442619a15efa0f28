"""The warnings worth having: each once in a run, and none where nothing is wrong."""

import pytest

import pbtune
from pbtune import tune
from pbtune.tune.schedulers import PopulationBasedTraining


@pytest.fixture
def fit(tmp_path):
    """Runs four members of PBT in this process; two of them are copied soon."""
    pbtune.init(executor="inline")

    def call(train, *, mutations=None, steps=12):
        scheduler = PopulationBasedTraining(
            time_attr="training_iteration",
            perturbation_interval=2,
            quantile_fraction=0.5,
            hyperparam_mutations=mutations or {"lr": tune.uniform(0, 1)},
        )
        return tune.Tuner(
            train,
            param_space={"lr": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                scheduler=scheduler, metric="score", mode="max", num_samples=4, seed=3
            ),
            run_config=tune.RunConfig(
                storage_path=tmp_path, verbose=0, stop={"training_iteration": steps}
            ),
        ).fit()

    yield call
    pbtune.shutdown()


def texts(caught):
    return [str(it.message) for it in caught if issubclass(it.category, tune.PbtuneWarning)]


def loops(config, *, saves, loads, reads):
    if loads:
        tune.get_checkpoint()
    at = 0.0
    while True:
        at += config["lr"] if reads else 1.0
        if saves:
            with tune.new_checkpoint() as folder:
                tune.report({"score": at}, checkpoint=tune.Checkpoint.from_directory(folder))
        else:
            tune.report({"score": at})


def test_a_population_that_does_everything_right_is_not_warned(fit, recwarn):
    results = fit(lambda config: loops(config, saves=True, loads=True, reads=True))
    assert texts(recwarn) == []
    assert len(results) == 4


def test_a_mutated_hyperparameter_that_is_never_read_is_named_once(fit):
    mutations = {"lr": tune.uniform(0, 1), "decoy": [1, 2]}
    with pytest.warns(tune.PbtuneWarning) as caught:
        fit(
            lambda config: loops(config, saves=True, loads=True, reads=True),
            mutations=mutations,
        )
    (said,) = texts(caught)
    assert said.startswith("'decoy' is mutated, but the training function never reads it")
    assert "hyperparam_mutations" in said


def test_a_copy_that_never_loads_its_checkpoint_is_warned_of_once(fit):
    with pytest.warns(tune.PbtuneWarning) as caught:
        fit(lambda config: loops(config, saves=True, loads=False, reads=True))
    (said,) = texts(caught)
    assert "never called get_checkpoint(), so it started from nothing" in said
    assert "Load the state at the start" in said


def test_members_without_checkpoints_are_warned_of_once(fit):
    with pytest.warns(tune.PbtuneWarning) as caught:
        results = fit(lambda config: loops(config, saves=False, loads=True, reads=True))
    (said,) = texts(caught)
    assert "reports without checkpoints: it can be replaced, but never copied or paused" in said
    assert "checkpoint=Checkpoint.from_directory(path)" in said
    assert not results.errors


def test_a_warning_that_is_made_an_error_comes_when_the_run_is_closed(fit):
    with pytest.raises(tune.PbtuneWarning, match="reports without checkpoints"):
        fit(lambda config: loops(config, saves=False, loads=True, reads=True))
