"""Bad input gets one clear error that says what, which and what to do, before any training."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import (
    CheckpointMissing,
    MetricMissing,
    RunLocked,
    SettingsError,
    SpaceError,
    SpaceTypeError,
    StorageUnwritable,
    UserError,
)
from pbtune.journal.lock import RunLock
from pbtune.tune.schedulers import PopulationBasedTraining


@pytest.fixture(params=["inline", "processes"])
def executor(request):
    """Both executors: what is said must not depend on where a function runs."""
    pbtune.init(num_cpus=1, executor=request.param)
    yield request.param
    pbtune.shutdown()


@pytest.fixture
def inline():
    pbtune.init(executor="inline")
    yield
    pbtune.shutdown()


@pytest.fixture
def tuner(tmp_path):
    """Makes a tuner: ``tuner(function, scheduler=..., param_space=..., ...)``."""

    def make(function=None, *, param_space=None, run=None, **settings):
        function = function or (lambda config: pytest.fail("the function was called"))
        function.__module__ = "__main__"
        options = {"name": "run", "storage_path": tmp_path / "runs", "verbose": 0, **(run or {})}
        return tune.Tuner(
            function,
            param_space=param_space,
            tune_config=tune.TuneConfig(**settings),
            run_config=tune.RunConfig(**options),
        )

    return make


def pbt(**settings):
    defaults = {"time_attr": "training_iteration", "perturbation_interval": 2}
    mutations = {"hyperparam_mutations": {"lr": tune.uniform(0, 1)}}
    return PopulationBasedTraining(**{**defaults, **mutations, **settings})


@pytest.mark.parametrize(
    ("given", "lacking"),
    [({}, "metric and mode"), ({"metric": "loss"}, "mode"), ({"mode": "min"}, "metric")],
)
def test_pbt_without_metric_or_mode_names_what_it_lacks(inline, tuner, tmp_path, given, lacking):
    with pytest.raises(SettingsError, match=f"needs {lacking}, as in TuneConfig") as caught:
        tuner(scheduler=pbt(), **given).fit()
    assert "PopulationBasedTraining" in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("make", [tune.TuneConfig, pbt])
def test_a_wrong_mode_names_both_right_ones(make):
    with pytest.raises(SettingsError, match='mode must be "max" or "min", not \'maximum\''):
        make(mode="maximum")


@pytest.mark.parametrize(("key", "value"), [("metric", "loss"), ("mode", "min")])
def test_a_metric_or_mode_given_twice_says_to_leave_one_out(inline, tuner, key, value):
    both = {"metric": "loss", "mode": "min"}
    scheduler = pbt(**{key: value})
    with pytest.raises(SettingsError, match=f"{key} is given twice.*Leave one out"):
        tuner(scheduler=scheduler, **both).fit()


def test_a_report_without_the_metric_names_it_and_those_that_are_there(executor, tuner):
    def train(config):
        tune.report({"loss": 1.0, "acc": 2.0})

    settings = {"metric": "accuracy", "mode": "max", "param_space": {"lr": 0.1}}
    with pytest.raises(UserError, match=r"'accuracy', which PBT ranks by.* It has: loss, acc"):
        tuner(train, scheduler=pbt(), **settings).fit()


def test_a_report_without_the_time_attribute_names_it(executor, tuner):
    def train(config):
        tune.report({"loss": 1.0})

    settings = {"metric": "loss", "mode": "min", "param_space": {"lr": 0.1}}
    with pytest.raises(UserError, match="'epoch', which PBT counts its intervals in"):
        tuner(train, scheduler=pbt(time_attr="epoch"), **settings).fit()


def test_a_missing_metric_halts_the_run_instead_of_failing_every_trial(executor, tuner, tmp_path):
    def train(config):
        with (tmp_path / "called").open("a") as log:
            log.write("x")
        tune.report({"loss": 1.0})

    with pytest.raises(UserError, match="which results are ranked by"):
        tuner(train, metric="acc", mode="max", num_samples=5).fit()
    assert (tmp_path / "called").read_text() == "x"


def test_a_missing_metric_is_raised_at_the_user_s_own_line(inline, tuner):
    seen = []

    def train(config):
        try:
            tune.report({"loss": 1.0})
        except MetricMissing as error:
            seen.append(error.key)
            raise

    with pytest.raises(UserError):
        tuner(train, metric="acc", mode="max").fit()
    assert seen == ["acc"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"perturbation_interval": 0}, "perturbation_interval must be > 0, not 0"),
        ({"perturbation_interval": -5}, "perturbation_interval must be > 0, not -5"),
        ({"perturbation_interval": float("nan")}, "perturbation_interval must be > 0, not nan"),
        ({"burn_in_period": -1}, "burn_in_period must be >= 0, not -1"),
        ({"quantile_fraction": 0.6}, r"quantile_fraction must be in \[0, 0.5\], not 0.6"),
        ({"quantile_fraction": -0.1}, r"quantile_fraction must be in \[0, 0.5\], not -0.1"),
        ({"resample_probability": 1.5}, r"resample_probability must be in \[0, 1\], not 1.5"),
        ({"perturbation_factors": (1.2, 0)}, r"perturbation_factors must be factors > 0"),
        ({"perturbation_factors": ()}, r"perturbation_factors must be factors > 0"),
        ({"custom_explore_fn": 3}, "custom_explore_fn must be callable, not 3"),
    ],
)
def test_a_setting_of_pbt_out_of_its_range_is_named_with_its_range(settings, said):
    with pytest.raises(SettingsError, match=said):
        pbt(**settings)


@pytest.mark.parametrize("fraction", [0, 0.5])
def test_both_ends_of_the_quantile_fraction_are_allowed(fraction):
    assert pbt(quantile_fraction=fraction).quantile_fraction == fraction


@pytest.mark.parametrize("value", [0.5, "high", None])
def test_a_mutated_key_that_cannot_be_sampled_is_named_with_what_to_give(value):
    said = r"hyperparam_mutations\['momentum'\] = .* can't be sampled.*: give a domain such as"
    with pytest.raises(SpaceTypeError, match=said):
        pbt(hyperparam_mutations={"lr": tune.uniform(0, 1), "momentum": value})


def test_a_nested_mutated_key_is_named_by_its_path():
    with pytest.raises(SpaceTypeError, match=r"hyperparam_mutations\['net/width'\] = 3 can't"):
        pbt(hyperparam_mutations={"net": {"width": 3}})


def test_a_mutation_that_is_nested_unlike_the_space_is_named(inline, tuner):
    scheduler = pbt(hyperparam_mutations={"net": {"width": [1, 2]}})
    with pytest.raises(SpaceError, match=r"'net'.* both must be nested alike"):
        tuner(scheduler=scheduler, param_space={"net": 3}, metric="loss", mode="min").fit()


def test_a_mutation_of_no_values_is_named():
    with pytest.raises(SpaceError, match=r"hyperparam_mutations\['lr'\] is empty"):
        pbt(hyperparam_mutations={"lr": []})


def test_pbt_with_nothing_to_mutate_says_so(inline, tuner, tmp_path):
    scheduler = PopulationBasedTraining(perturbation_interval=2)
    with pytest.raises(SpaceError, match="nothing to mutate: pass hyperparam_mutations"):
        tuner(scheduler=scheduler, param_space={"lr": 1}, metric="loss", mode="min").fit()
    assert not (tmp_path / "runs").exists()


def test_a_mutated_key_that_only_the_mutations_know_is_drawn(executor, tuner):
    def train(config):
        with tune.new_checkpoint() as folder:
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": config["lr"], "done": True}, checkpoint=checkpoint)

    (result,) = tuner(train, scheduler=pbt(), metric="loss", mode="min").fit()
    assert 0 <= result.config["lr"] <= 1


@pytest.mark.parametrize("make", [tune.Checkpoint, tune.Checkpoint.from_directory])
def test_a_checkpoint_directory_that_does_not_exist_is_named_at_the_user_s_line(
    executor, tuner, tmp_path, make
):
    nowhere = str(tmp_path / "nowhere")
    name = make.__name__

    def train(config):
        classes = {"Checkpoint": tune.Checkpoint, "from_directory": tune.Checkpoint.from_directory}
        tune.report({"loss": 1.0}, checkpoint=classes[name](nowhere))

    (result,) = tuner(train).fit()
    assert result.error.error == CheckpointMissing.__name__
    assert repr(nowhere) in result.error.message
    assert "until report() has returned" in result.error.message
    assert "tune.report({" in result.error.traceback_text
    assert result.metrics is None


def test_a_checkpoint_that_is_a_file_says_so(tmp_path):
    file = tmp_path / "weights"
    file.touch()
    with pytest.raises(CheckpointMissing, match="weights' is a file, not a directory"):
        tune.Checkpoint.from_directory(file)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("object()", "'deep/value' of type builtins.object"),
        ("{1, 2}", "'deep/value' of type builtins.set"),
        ("b'bytes'", "'deep/value' of type builtins.bytes"),
        ("(lambda: 1)", "'deep/value' of type builtins.function"),
        ("{3: 1}", "the key 3 in deep/value"),
    ],
)
def test_a_metric_that_cannot_be_stored_is_named_at_the_user_s_line(executor, tuner, bad, named):
    def train(config):
        tune.report({"loss": 1.0})
        tune.report({"deep": {"value": eval(config["bad"])}})

    (result,) = tuner(train, param_space={"bad": bad}).fit()
    assert result.error.error == "MetricUnstorable"
    assert named in result.error.message
    assert "in train" in result.error.traceback_text
    assert result.metrics["loss"] == 1.0


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_storage_path_that_cannot_be_written_is_named_with_what_to_set(
    executor, tuner, tmp_path, below
):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / below
    with pytest.raises(StorageUnwritable, match=r"RunConfig\(storage_path=") as caught:
        tuner(run={"storage_path": path}).fit()
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_a_storage_path_without_the_right_to_write_is_named(inline, tuner, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StorageUnwritable, match=r"Permission denied\. Give a folder"):
        tuner().fit()


def test_a_storage_path_that_nothing_can_open_is_named(inline, tuner):
    with pytest.raises(SettingsError, match=r"storage_path='nosuch://b/c/?' can't be opened"):
        tuner(run={"storage_path": "nosuch://b/c"}).fit()


@pytest.mark.parametrize("name", ["a/b", "", "..", "nul\0"])
def test_a_name_that_can_name_no_folder_is_refused(name):
    with pytest.raises(SettingsError, match="can't name a folder"):
        tune.RunConfig(name=name)


def test_a_taken_name_makes_a_run_of_its_own_and_says_so(inline, tuner, tmp_path):
    def train(config):
        return {"loss": 1}

    tuner(train).fit()
    with pytest.warns(tune.PbtuneWarning, match="the name 'run' is taken: this run is 'run_1'"):
        results = tuner(train).fit()
    assert results.experiment_path == str(tmp_path / "runs" / "run_1")


def test_a_taken_name_that_is_made_an_error_leaves_no_process_behind(executor, tuner):
    tuner(lambda config: None).fit()
    # A process that is left over would be an error of this test: an unraisable ResourceWarning.
    with pytest.raises(tune.PbtuneWarning, match="is taken"):
        tuner(lambda config: None).fit()


SECOND_DRIVER = """
import sys
from pathlib import Path
from pbtune.errors import RunLocked
from pbtune.journal.lock import RunLock
try:
    with RunLock(Path(sys.argv[1])):
        print("let in")
except RunLocked as error:
    print(error)
"""


def test_a_second_driver_of_a_running_run_is_told_who_has_it(inline, tuner, tmp_path):
    def train(config):
        run_dir = tune.get_context().get_storage()
        second = [sys.executable, "-c", SECOND_DRIVER, run_dir]
        done = subprocess.run(second, capture_output=True, text=True, check=True)
        return {"said": done.stdout}

    (result,) = tuner(train).fit()
    said = result.metrics["said"]
    who = f"the driver with process id {os.getpid()} on {platform.node()}"
    assert f"{who} is working on the run" in said
    assert str(tmp_path / "runs" / "run") in said
    assert "wait for its end, or choose another name" in said


def test_a_second_driver_in_the_same_process_is_told_too(inline, tuner):
    refused = []

    def train(config):
        with (
            pytest.raises(RunLocked, match=f"process id {os.getpid()}") as caught,
            RunLock(Path(tune.get_context().get_storage())),
        ):
            pytest.fail("two drivers work on one run")
        refused.append(caught.value)

    (result,) = tuner(train).fit()
    assert result.error is None
    assert isinstance(refused[0], OSError)


def test_a_run_that_ended_may_be_driven_again(inline, tuner):
    results = tuner(lambda config: None).fit()
    with RunLock(Path(results.experiment_path)) as lock:
        assert isinstance(lock, RunLock)


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ({"loss": "low"}, r"stop\['loss'\] must be a number that loss has to reach, not 'low'"),
        ({"loss": float("nan")}, r"stop\['loss'\] must be a number"),
        ("training_iteration", "stop must be a dict like"),
        ([3], "a list as stop must hold instances of tune.Stopper, not int"),
    ],
)
def test_a_stop_rule_that_is_no_number_is_named(inline, tuner, stop, said):
    with pytest.raises(SettingsError, match=said):
        tuner(run={"stop": stop}).fit()


@pytest.mark.parametrize("given", [{"checkpoint_frequency": 5}, {"checkpoint_at_end": True}])
def test_what_only_classes_can_have_is_refused_for_a_function(inline, tuner, given):
    with pytest.raises(SettingsError, match="are for classes; a function decides itself"):
        tuner(run={"checkpoint_config": tune.CheckpointConfig(**given)}).fit()


def test_every_error_of_the_script_is_one_branch_and_python_s_own_kind_too():
    assert issubclass(SettingsError, UserError)
    assert issubclass(SettingsError, ValueError)
    assert issubclass(SpaceTypeError, TypeError)
    assert issubclass(MetricMissing, ValueError)
    assert issubclass(CheckpointMissing, ValueError)
    assert issubclass(UserError, tune.TuneError)
