"""Results in every form: ``ExperimentAnalysis``, rows without pandas, a trial from its folder."""

import json
import logging
import math
import sys
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import NoResult, NotInPbtune, RunUnreadable, SettingsError
from pbtune.tune import ExperimentAnalysis

SCORES = {0: [1.0, 5.0, 2.0], 1: [3.0, 3.0, 3.0], 2: [4.0, 0.0, math.nan], 3: []}
"""Each trial's scores: t1 ends best, t0 had the best ever, t2 ends with NaN, t3 says nothing."""


def train(config):
    for score in SCORES[config["which"]]:
        with tune.new_checkpoint() as folder:
            Path(folder, "state.json").write_text(json.dumps(score))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"score": score, "eval": {"loss": -score}}, checkpoint=checkpoint)


def trained(folder, function=train, **settings):
    pbtune.init(executor="inline")
    tuner = tune.Tuner(
        function,
        param_space={"which": tune.grid_search([0, 1, 2, 3]), "net": {"width": 8}},
        tune_config=tune.TuneConfig(seed=1, **settings),
        run_config=tune.RunConfig("run", folder, verbose=0),
    )
    try:
        return tuner.fit()
    finally:
        pbtune.shutdown()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("runs"), metric="score", mode="max")


@pytest.fixture(scope="module")
def analysis(results):
    return ExperimentAnalysis(results.experiment_path)


@pytest.fixture(scope="module")
def nameless(tmp_path_factory):
    """The analysis of a run without a metric."""
    return ExperimentAnalysis(trained(tmp_path_factory.mktemp("runs")).experiment_path)


def test_the_best_trial_is_the_one_with_the_best_last_report(analysis):
    assert analysis.best_trial.trial_id == "t1"
    assert analysis.best_config == {"which": 1, "net": {"width": 8}}
    assert analysis.best_result["score"] == 3.0
    assert analysis.best_result["training_iteration"] == 3


def test_the_best_checkpoint_is_the_best_trials(analysis, results):
    assert Path(analysis.best_checkpoint.path).parent == Path(results.experiment_path, "t1")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("last", "t1"), ("all", "t0"), ("avg", "t1"), ("last-5-avg", "t1"), ("last-10-avg", "t1")],
)
def test_trials_are_compared_in_tunes_scopes(analysis, scope, expected):
    assert analysis.get_best_trial(scope=scope).trial_id == expected


def test_another_metric_and_mode_may_be_asked_for(analysis):
    assert analysis.get_best_trial("eval/loss", "max", "all").trial_id == "t2"
    assert analysis.get_best_config("score", "min") == {"which": 0, "net": {"width": 8}}


def test_the_defaults_may_be_others_than_the_runs(results):
    analysis = ExperimentAnalysis(
        results.experiment_path, default_metric="eval/loss", default_mode="max"
    )
    assert (analysis.default_metric, analysis.default_mode) == ("eval/loss", "max")
    assert analysis.best_trial.trial_id == "t0"


def test_a_metric_that_nobody_reported_gives_none_and_a_warning(analysis, caplog):
    with caplog.at_level(logging.WARNING):
        assert analysis.get_best_trial("accuracy", "max") is None
        assert analysis.get_best_config("accuracy", "max") is None
        assert analysis.get_last_checkpoint(metric="accuracy") is None
    assert "reported a number for 'accuracy'" in caplog.text


def test_the_properties_name_a_metric_that_nobody_reported(results, caplog):
    analysis = ExperimentAnalysis(results.experiment_path, default_metric="accuracy")
    assert analysis.best_trial is None
    for name in ("best_checkpoint", "best_result", "best_result_df", "best_dataframe"):
        with pytest.raises(NoResult, match=f"{name}: no trial of .* a number for 'accuracy'"):
            getattr(analysis, name)


@pytest.mark.parametrize(
    "name",
    ["best_trial", "best_config", "best_checkpoint", "best_result", "best_result_df"],
)
def test_without_a_metric_the_properties_say_what_they_need(nameless, name):
    with pytest.raises(ValueError, match=f"{name} needs a metric: pass it to tune.run"):
        getattr(nameless, name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "maximum"}, 'mode must be "max" or "min"'),
        ({"scope": "best"}, "scope must be one of all, last, avg, last-5-avg, last-10-avg"),
    ],
)
def test_a_wrong_mode_or_scope_names_the_right_ones(analysis, given, message):
    with pytest.raises(SettingsError, match=message):
        analysis.get_best_trial(**{"metric": "score", "mode": "max", **given})


def test_trials_have_tunes_attributes(analysis, results):
    trial = analysis.trials[1]
    assert (trial.trial_id, trial.status, trial.error) == ("t1", "TERMINATED", None)
    assert trial.config == {"which": 1, "net": {"width": 8}}
    assert trial.last_result == results[1].metrics
    assert trial.checkpoint == results[1].checkpoint
    assert trial.path == trial.logdir == results[1].path
    assert trial.evaluated_params == {"which": 1}
    assert trial.experiment_tag == "1_which=1"
    assert trial.is_finished()
    assert trial.rows() == results[1].rows


def test_a_failed_trial_tells_its_error(tmp_path):
    def fail(config):
        tune.report({"score": 1.0})
        message = f"no {config['which']}"
        raise ValueError(message)

    analysis = ExperimentAnalysis.from_results(trained(tmp_path, fail))
    assert [trial.status for trial in analysis.trials] == ["ERROR"] * 4
    assert analysis.trials[2].error == "no 2"


def test_results_and_configs_are_by_trial(analysis):
    assert list(analysis.results) == ["t0", "t1", "t2", "t3"]
    assert analysis.results["t0"]["score"] == 2.0
    assert analysis.results["t3"] == {}
    assert analysis.get_all_configs()["t2"] == {"which": 2, "net": {"width": 8}}
    assert analysis.get_all_configs(prefix=True)["t2"] == {
        "config/which": 2,
        "config/net/width": 8,
    }


@pytest.mark.slow
def test_an_analysis_of_some_trials_knows_only_them(analysis, results):
    some = ExperimentAnalysis(results.experiment_path, trials=[analysis.trials[0]])
    assert [trial.trial_id for trial in some.trials] == ["t0"]
    assert some.best_trial.trial_id == "t0"
    assert list(some.trial_dataframes) == ["t0"]
    assert list(some.dataframe()["trial_id"]) == ["t0"]


def test_a_trial_is_named_by_itself_its_id_its_folder_or_its_result(analysis, results):
    best = results[0].path + "/checkpoint_000001"
    for trial in (analysis.trials[0], "t0", results[0].path, results[0]):
        assert analysis.get_best_checkpoint(trial).path == best
    assert analysis.get_best_checkpoint("t0", "score", "min").path.endswith("checkpoint_000000")


def test_the_last_checkpoint_is_the_newest_one(analysis, results):
    assert analysis.get_last_checkpoint("t0") == results[0].checkpoint
    assert analysis.get_last_checkpoint() == results[0].checkpoint
    assert analysis.get_last_checkpoint("t3") is None


def test_a_trial_without_a_checkpoint_that_can_be_compared_has_no_best_one(analysis, caplog):
    assert analysis.get_best_checkpoint("t3") is None
    assert analysis.get_best_checkpoint("t0", "accuracy") is None
    assert "t0" in caplog.text


def test_without_a_mode_the_best_checkpoint_says_what_it_needs(nameless):
    with pytest.raises(SettingsError, match=r"get_best_checkpoint\(\) needs a mode"):
        nameless.get_best_checkpoint("t0")
    assert nameless.get_best_checkpoint("t0", mode="max").path.endswith("checkpoint_000002")


def test_a_trial_that_is_not_there_is_named_beside_those_that_are(analysis):
    with pytest.raises(NoResult, match="no trial 't9'; it has t0, t1, t2, t3"):
        analysis.get_best_checkpoint("t9")


@pytest.mark.slow
def test_data_frames_are_indexed_as_in_tune(analysis):
    assert list(analysis.results_df.index) == ["t0", "t1", "t2"]
    assert analysis.results_df.loc["t0", "eval/loss"] == -2.0
    assert list(analysis.best_result_df.index) == ["t1"]
    assert list(analysis.best_dataframe["score"]) == [3.0] * 3
    assert list(analysis.trial_dataframes) == ["t0", "t1", "t2", "t3"]
    assert list(analysis.trial_dataframes["t0"]["training_iteration"]) == [1, 2, 3]


@pytest.mark.slow
def test_the_data_frame_has_the_last_or_the_best_report_of_each_trial(analysis):
    last = analysis.dataframe()
    assert list(last["training_iteration"]) == [3, 3, 3]
    assert list(last["config/net/width"]) == [8] * 3
    assert list(last["logdir"]) == ["t0", "t1", "t2"]
    assert list(analysis.dataframe("score", "max")["score"]) == [5.0, 3.0, 4.0]
    assert list(analysis.dataframe("score")["training_iteration"]) == [3, 3, 3]


def test_a_data_frame_by_a_mode_needs_a_metric(analysis):
    with pytest.raises(SettingsError, match="needs a metric too"):
        analysis.dataframe(mode="max")


@pytest.mark.slow
def test_nothing_reported_is_an_empty_frame(tmp_path):
    analysis = ExperimentAnalysis(trained(tmp_path, lambda _: None).experiment_path)
    assert analysis.results_df.empty
    assert analysis.dataframe().empty


def test_the_path_may_be_a_file_of_the_run(results):
    path = Path(results.experiment_path)
    assert ExperimentAnalysis(path / "run.db").experiment_path == str(path)
    assert repr(ExperimentAnalysis(path)) == f"<ExperimentAnalysis of 4 trials, {path}>"


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(RunUnreadable, match="no run"):
        ExperimentAnalysis(tmp_path)


def test_a_filesystem_is_not_here(results):
    for make in (ExperimentAnalysis, tune.Result.from_path):
        with pytest.raises(NotInPbtune, match="runs live in local folders"):
            make(results.experiment_path, storage_filesystem=object())


def test_rows_need_no_pandas(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    rows = results.get_rows()
    assert [row["trial_id"] for row in rows] == ["t0", "t1", "t2"]
    assert rows[0]["eval/loss"] == -2.0
    assert rows[0]["config/net/width"] == 8
    assert [row["score"] for row in results.get_rows("score", "max")] == [5.0, 3.0, 4.0]
    assert [row["score"] for row in results.get_rows("score", "min")] == [1.0, 3.0, 0.0]
    with pytest.raises(SettingsError, match=r"pip install 'pbtune\[pandas\]'"):
        results.get_dataframe()


def test_rows_by_a_metric_need_both_or_neither(results):
    for given in ({"filter_metric": "score"}, {"filter_mode": "max"}):
        with pytest.raises(SettingsError, match="together, or neither"):
            results.get_rows(**given)


@pytest.mark.slow
def test_the_data_frame_has_the_same_rows(results):
    frame = results.get_dataframe("score", "max")
    assert frame["score"].tolist() == [row["score"] for row in results.get_rows("score", "max")]


def test_a_trial_is_found_by_its_folder(results):
    found = tune.Result.from_path(results[0].path)
    assert found.metrics == results[0].metrics
    assert found.checkpoint == results[0].checkpoint
    assert [metrics["score"] for _, metrics in found.best_checkpoints] == [1.0, 5.0, 2.0]
    assert found.schedule == results[0].schedule


def test_a_trial_that_never_saved_is_found_by_its_folder_too(results):
    assert tune.Result.from_path(results[3].path).metrics is None


def test_a_folder_of_no_trial_is_named_beside_the_trials(results, tmp_path):
    with pytest.raises(NoResult, match="no trial 't9'; it has t0, t1, t2, t3"):
        tune.Result.from_path(Path(results.experiment_path, "t9"))
    with pytest.raises(RunUnreadable, match="no run"):
        tune.Result.from_path(tmp_path / "t0")
