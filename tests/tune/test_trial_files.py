"""The files that Tune writes into a trial's folder are there when a run has closed."""

import csv
import json
import math
import os
import pickle
import platform
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import SettingsError, TrialFailed


class Unpicklable:
    def __reduce__(self):
        message = "not me"
        raise TypeError(message)


def climb(config):
    for step in (1, 2):
        tune.report({"score": step * config["a"], "eval": {"loss": 1 / step}})
    tune.report({"score": math.nan, "late": "é"})


@pytest.fixture
def run(tmp_path):
    pbtune.init(executor="inline")

    def call(function=climb, space=None, tune_config=None, **settings):
        options = {"name": "run", "storage_path": tmp_path, "verbose": 0, **settings}
        tuner = tune.Tuner(
            function,
            param_space=space or {"a": 2},
            tune_config=tune_config,
            run_config=tune.RunConfig(**options),
        )
        return tuner.fit()

    yield call
    pbtune.shutdown()


def text(result, name):
    return Path(result.path, name).read_text(encoding="utf-8")


def test_each_report_is_a_line_of_json_with_the_keys_that_tune_fills_in(run):
    (result,) = run()
    rows = [json.loads(line) for line in text(result, "result.json").splitlines()]
    assert [row["training_iteration"] for row in rows] == [1, 2, 3]
    assert rows[0]["eval"] == {"loss": 1.0}
    assert math.isnan(rows[2]["score"])
    for row in rows:
        assert row["pid"] == os.getpid()
        assert row["hostname"] == platform.node()
        assert row["node_ip"].count(".") == 3
        assert row["config"] == {"a": 2}
        assert row["trial_id"] == "t0"


def test_the_table_has_late_columns_and_no_config(run):
    (result,) = run()
    table = list(csv.DictReader(text(result, "progress.csv").splitlines()))
    assert [row["late"] for row in table] == ["", "", "é"]
    assert [row["eval/loss"] for row in table] == ["1.0", "0.5", ""]
    assert not [name for name in table[0] if name.startswith("config")]


def test_the_config_is_there_as_json_and_as_a_pickle(run):
    (result,) = run(space={"a": 2, "net": {"width": [1, 2]}})
    expected = {"a": 2, "net": {"width": [1, 2]}}
    assert json.loads(text(result, "params.json")) == expected
    assert pickle.loads(Path(result.path, "params.pkl").read_bytes()) == expected


def test_a_config_that_no_pickle_holds_is_there_as_json(run):
    (result,) = run(space={"a": 2, "thing": Unpicklable()})
    assert "Unpicklable" in json.loads(text(result, "params.json"))["thing"]
    assert not Path(result.path, "params.pkl").exists()


def test_a_function_in_a_config_is_pickled_with_it(run):
    (result,) = run(space={"a": 2, "activation": lambda x: x + 1})
    config = pickle.loads(Path(result.path, "params.pkl").read_bytes())
    assert config["activation"](1) == 2


def test_failures_are_told_in_their_order_and_the_last_one_is_an_exception(run):
    def failing(config):
        tune.report({"score": 1})
        message = "broken"
        raise KeyError(message)

    (result,) = run(failing, failure_config=tune.FailureConfig(max_failures=1))
    told = text(result, "error.txt")
    assert told.count("Failure # ") == 2
    assert "Failure # 2 (occurred at 2" in told
    assert told.count("KeyError: 'broken'") == 2
    error = pickle.loads(Path(result.path, "error.pkl").read_bytes())
    assert isinstance(error, TrialFailed)
    assert isinstance(error, KeyError)
    assert str(error) == str(result.error)


def test_a_trial_that_never_reported_has_its_config_alone(run):
    def failing(config):
        message = "at once"
        raise ValueError(message)

    (result,) = run(failing)
    names = {it.name for it in Path(result.path).iterdir()}
    assert {"params.json", "params.pkl", "error.txt", "error.pkl"} <= names
    assert not names & {"result.json", "progress.csv"}


def test_a_secret_is_in_no_file(run):
    (result,) = run(space={"a": 2, "api_key": "sk-123456"})
    for path in Path(result.path).iterdir():
        assert b"sk-123456" not in path.read_bytes()


def test_tunes_variable_leaves_the_files_out(run, monkeypatch):
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    (result,) = run()
    assert not Path(result.path, "result.json").exists()


def test_a_trials_folder_gets_a_second_name_if_one_is_asked_for(run):
    def name_of(trial):
        return f"{trial.trainable_name}-{trial.trial_id}-{trial.config['a']}"

    (result,) = run(tune_config=tune.TuneConfig(trial_dirname_creator=name_of))
    link = Path(result.path).with_name("climb-t0-2")
    assert link.resolve() == Path(result.path).resolve()


@pytest.mark.parametrize("name", ["a/b", "", "..", 3])
def test_a_second_name_that_names_no_folder_is_an_error(run, name):
    with pytest.raises(SettingsError, match="trial_dirname_creator gave"):
        run(tune_config=tune.TuneConfig(trial_dirname_creator=lambda trial: name))


def test_a_trial_has_the_name_that_its_creator_gives(run):
    seen = []

    class Watching(tune.Callback):
        def on_trial_complete(self, iteration, trials, trial, **info):
            seen.append(str(trial))

    config = tune.TuneConfig(trial_name_creator=lambda trial: f"member {trial.trial_id}")
    run(tune_config=config, callbacks=[Watching()])
    assert seen == ["member t0"]
