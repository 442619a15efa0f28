"""Tune's older entry points: ``run``, ``run_experiments``, ``Experiment``, registered names."""

import inspect
import pickle
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import NotInPbtune, SettingsError, TrialsFailed
from pbtune.tune import entry_points, registry
from pbtune.tune.schedulers import PopulationBasedTraining


@pytest.fixture(autouse=True)
def inline(tmp_path, monkeypatch):
    monkeypatch.setenv("PBTUNE_STORAGE", str(tmp_path))
    # What one test registers is no other's business.
    monkeypatch.setattr(registry, "_trainables", {})
    pbtune.init(executor="inline")
    yield
    pbtune.shutdown()


def train(config):
    for step in range(1, 5):
        tune.report({"score": config.get("lr", 1) * step, "epoch": step})


def fail(config):
    message = f"bad lr {config['lr']}"
    raise ValueError(message)


def never(config):
    pytest.fail("the function was called")


class Climb(tune.Trainable):
    def step(self):
        return {"score": self.config["lr"] * self.iteration, "done": self.iteration == 2}


def quiet(what, **settings):
    return tune.run(what, **{"verbose": 0, **settings})


def test_run_trains_and_gives_the_analysis(tmp_path):
    analysis = quiet(
        train,
        name="climb",
        metric="score",
        mode="max",
        config={"lr": tune.grid_search([1, 3, 2])},
        stop={"epoch": 3},
        num_samples=2,
    )
    assert analysis.experiment_path == str(tmp_path / "climb")
    assert len(analysis.trials) == 6
    assert analysis.best_config == {"lr": 3}
    assert analysis.best_result["training_iteration"] == 3


def test_run_takes_a_storage_path_and_keeps_the_users_own_objects(tmp_path):
    analysis = quiet(train, config={"lr": 1, "act": Climb}, storage_path=tmp_path / "other")
    assert Path(analysis.experiment_path).parent == tmp_path / "other"
    assert analysis.trials[0].config["act"] is Climb


def test_run_takes_a_scheduler_checkpoints_and_everything_else_that_a_tuner_takes(tmp_path):
    def saving(config):
        tune.get_checkpoint()
        for _ in range(4):
            with tune.new_checkpoint() as folder:
                Path(folder, "state").touch()
                checkpoint = tune.Checkpoint.from_directory(folder)
                tune.report({"score": config["lr"]}, checkpoint=checkpoint)

    seen = []

    class Seen(tune.Callback):
        def on_trial_complete(self, trial, **info):
            seen.append(trial.trial_id)

    analysis = quiet(
        saving,
        metric="score",
        mode="max",
        config={"lr": tune.uniform(0, 1)},
        num_samples=2,
        scheduler=PopulationBasedTraining("training_iteration", perturbation_interval=2),
        checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
        callbacks=[Seen()],
        stop={"training_iteration": 4},
        max_concurrent_trials=1,
        time_budget_s=600,
        log_to_file=True,
        sync_config=None,
        reuse_actors=False,
    )
    assert sorted(seen) == ["t0", "t1"]
    assert analysis.best_checkpoint is not None


def test_run_raises_what_failed_as_tunes_error():
    with pytest.raises(tune.TuneError, match="trials did not complete: t0, t1") as caught:
        quiet(fail, config={"lr": tune.grid_search([1, 2])})
    assert isinstance(caught.value, TrialsFailed)
    assert [error.message for error in caught.value.errors] == ["bad lr 1", "bad lr 2"]
    again = pickle.loads(pickle.dumps(caught.value))
    assert [error.trial for error in again.errors] == ["t0", "t1"]


def test_run_gives_what_failed_if_it_shall_not_raise():
    analysis = quiet(fail, config={"lr": 1}, raise_on_failed_trial=False)
    assert [trial.status for trial in analysis.trials] == ["ERROR"]


def test_run_retries_and_fails_fast():
    tries = []

    def once_more(config):
        tries.append(config["lr"])
        if len(tries) < 3:
            fail(config)

    assert len(quiet(once_more, config={"lr": 1}, max_failures=2).trials) == 1
    assert len(tries) == 3
    with pytest.raises(TrialsFailed):
        quiet(fail, config={"lr": tune.grid_search([1, 2])}, fail_fast=True)


def test_run_asks_for_resources():
    with pytest.raises(SettingsError, match="asks for licence=1"):
        quiet(never, resources_per_trial={"cpu": 1, "licence": 1})


def test_run_goes_on_with_a_run_of_the_same_name(tmp_path):
    for resume in ("AUTO", True, "LOCAL"):
        quiet(train, name="climb", config={"lr": 1}, resume=resume)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["climb"]


def test_run_trains_a_class_and_a_registered_name(tmp_path):
    tune.register_trainable("my/climb", Climb)
    assert quiet(Climb, config={"lr": 1}).trials[0].last_result["score"] == 2
    analysis = quiet("my/climb", config={"lr": 2})
    assert analysis.trials[0].last_result["score"] == 4
    assert Path(analysis.experiment_path).name.startswith("my_climb_")


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"storage_filesystem": object()}, "give storage_path"),
        ({"export_formats": ["onnx"]}, "save what you need as a checkpoint"),
        ({"restore": "there"}, r"use Tuner\.restore"),
        ({"resume": "ERRORED_ONLY"}, "resume_errored=True"),
        ({"resume_config": object()}, "resume_errored=True"),
        ({"local_dir": "there"}, "use storage_path"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_an_argument_without_a_meaning_here_is_a_named_error(tmp_path, settings, hint):
    with pytest.raises(NotInPbtune, match=hint) as caught:
        quiet(never, **settings)
    assert f"ray.tune.run({next(iter(settings))}=" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_older_arguments_say_what_checkpoint_config_says(tmp_path):
    older = {
        "keep_checkpoints_num": 2,
        "checkpoint_score_attr": "min-score",
        "checkpoint_freq": 3,
        "checkpoint_at_end": True,
    }
    assert entry_points._checkpoints(older) == tune.CheckpointConfig(2, "score", "min", 3, True)
    given = {"checkpoint_config": tune.CheckpointConfig(4), "checkpoint_score_attr": "score"}
    assert entry_points._checkpoints(given) == tune.CheckpointConfig(4, "score", "max")


def test_a_scheduler_can_be_named(tmp_path):
    analysis = quiet(Climb, config={"lr": 1}, scheduler="fifo")
    assert analysis.trials[0].status == "TERMINATED"


def test_run_has_every_argument_of_tunes():
    tunes = """run_or_experiment name metric mode stop time_budget_s config resources_per_trial
        num_samples storage_path storage_filesystem search_alg scheduler checkpoint_config verbose
        progress_reporter log_to_file trial_name_creator trial_dirname_creator sync_config
        export_formats max_failures fail_fast restore resume resume_config reuse_actors
        raise_on_failed_trial callbacks max_concurrent_trials keep_checkpoints_num
        checkpoint_score_attr checkpoint_freq checkpoint_at_end chdir_to_trial_dir local_dir"""
    assert list(inspect.signature(tune.run).parameters) == tunes.split()


def test_an_experiment_brings_its_own_settings(tmp_path):
    experiment = tune.Experiment("climb", train, config={"lr": 2}, stop={"epoch": 2}, num_samples=2)
    assert repr(experiment).startswith("Experiment('climb', <function train")
    analysis = quiet(experiment, config={"lr": 99}, metric="score", mode="max")
    assert analysis.best_config == {"lr": 2}
    assert [it["score"] for it in analysis.results.values()] == [4, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["climb"]


def test_a_list_of_one_experiment_is_that_experiment():
    assert len(quiet([tune.Experiment("climb", train, num_samples=2)]).trials) == 2


def test_several_experiments_have_an_entry_point_of_their_own():
    experiments = [tune.Experiment("a", never), tune.Experiment("b", never)]
    with pytest.raises(NotInPbtune, match=r"use tune\.run_experiments"):
        quiet(experiments)


def test_run_experiments_trains_one_after_the_other(tmp_path):
    tune.register_trainable("climb", Climb)
    trials = tune.run_experiments(
        {
            "one": {"run": train, "config": {"lr": 1}, "num_samples": 2},
            "two": {"run": "climb", "config": {"lr": 3}},
        },
        verbose=0,
    )
    assert [trial.trial_id for trial in trials] == ["t0", "t1", "t0"]
    assert [trial.last_result["score"] for trial in trials] == [4, 4, 6]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_run_experiments_takes_one_or_a_list_too():
    one = tune.Experiment("one", train, checkpoint_config={"num_to_keep": 2})
    assert one.spec["checkpoint_config"] == tune.CheckpointConfig(num_to_keep=2)
    assert len(tune.run_experiments(one, verbose=0)) == 1
    two = tune.Experiment("two", train)
    both = [{"two": two, "three": {"run": train}}, tune.Experiment("four", train)]
    assert len(tune.run_experiments(both, verbose=0)) == 3


def test_run_experiments_raises_when_all_have_ended(tmp_path):
    experiments = {"bad": {"run": fail, "config": {"lr": 1}}, "good": {"run": train}}
    with pytest.raises(TrialsFailed, match="bad lr 1"):
        tune.run_experiments(experiments, verbose=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "good"]
    with pytest.warns(tune.PbtuneWarning, match="is taken"):
        trials = tune.run_experiments(experiments, verbose=0, raise_on_failed_trial=False)
    assert [trial.status for trial in trials] == ["ERROR", "TERMINATED"]


@pytest.mark.parametrize(
    ("experiments", "message"),
    [
        ({"a": {"config": {}}}, "the experiment 'a' names no training: give it a 'run'"),
        ({"a": {"run": never, "lr": 1}}, r"can't be made of \['lr', 'run'\]: .*'lr'"),
        ({"a": {"run": "gone"}}, "no training is registered as 'gone'"),
        ({"a": {"run": never, "config": [1]}}, "must be a dict, not list"),
        ({"a": {"run": never, "restore": "there"}}, r"Experiment\(restore=...\) is not in"),
        ({"a": {"run": never, "num_samples": 0}}, "num_samples"),
        ([], "needs an Experiment, a dict of them, or a list"),
        ("climb", "needs an Experiment, a dict of them, or a list"),
    ],
)
def test_a_bad_experiment_is_named_before_any_starts(tmp_path, experiments, message):
    with pytest.raises(tune.TuneError, match=message):
        tune.run_experiments(
            {"first": {"run": never}, **experiments}
            if isinstance(experiments, dict)
            else experiments
        )
    assert list(tmp_path.iterdir()) == []


def test_a_tuner_takes_a_registered_name(tmp_path):
    tune.register_trainable("climb", train)
    tuner = tune.Tuner("climb", param_space={"lr": 2}, run_config=tune.RunConfig("run", verbose=0))
    assert tuner.fit()[0].metrics["score"] == 8
    again = tune.Tuner.restore(tmp_path / "run").fit()
    assert again[0].metrics["score"] == 8


def test_a_name_that_is_registered_again_names_the_new_one():
    tune.register_trainable("climb", fail)
    tune.register_trainable("climb", train)
    assert quiet("climb").trials[0].status == "TERMINATED"


def test_a_name_that_is_not_registered_is_named_beside_those_that_are():
    with pytest.raises(SettingsError, match="as 'climb'; registered are none"):
        tune.Tuner("climb")
    tune.register_trainable("walk", train)
    with pytest.raises(SettingsError, match="as 'climb'; registered are 'walk'"):
        tune.run("climb")


@pytest.mark.parametrize("trainable", [3, "train", dict, None])
def test_only_functions_and_trainables_are_registered(trainable):
    with pytest.raises(TypeError, match="needs a function of a config or a class derived"):
        tune.register_trainable("climb", trainable)


@pytest.mark.parametrize("name", ["", None, train])
def test_a_registered_name_is_text(name):
    with pytest.raises(SettingsError, match="needs a name as text"):
        tune.register_trainable(name, train)


def test_environments_are_not_here():
    with pytest.raises(NotInPbtune, match="environments are RLlib's"):
        tune.register_env("maze", lambda config: None)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("analysis", ["ExperimentAnalysis"]),
        ("error", ["TuneError"]),
        ("experiment", ["Experiment", "Trial"]),
        ("registry", ["register_trainable", "register_env"]),
        ("result", ["Result", "TRAINING_ITERATION", "TIME_TOTAL_S", "DEFAULT_METRIC"]),
        ("result_grid", ["ResultGrid"]),
        ("search", ["BasicVariantGenerator", "ConcurrencyLimiter", "create_searcher"]),
        ("search.basic_variant", ["BasicVariantGenerator"]),
        ("search.optuna", ["OptunaSearch"]),
        ("search.sample", ["Domain", "Float", "Integer", "Categorical", "Function", "uniform"]),
        ("search.variant_generator", ["grid_search"]),
        ("tune", ["run", "run_experiments"]),
        ("tune_config", ["TuneConfig"]),
        ("tuner", ["Tuner"]),
    ],
)
def test_names_are_found_under_rays_paths(module, names):
    found = __import__(f"pbtune.tune.{module}", fromlist=names)
    for name in names:
        ours = getattr(found, name)
        assert getattr(tune, name, ours) is ours
