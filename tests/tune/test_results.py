"""``ResultGrid`` and ``Result``: what a run gives back, as in Tune."""

import json
import math
import sys
from pathlib import Path

import pandas as pd
import pytest

import pbtune
from pbtune import tune
from pbtune.errors import NoResult, SettingsError, TrialFailed

NAN, INF = math.nan, math.inf


@pytest.fixture
def grid(tmp_path):
    """Trains one trial for each series of reports, in this process: ``grid([1, 2], [3])``.

    A number is reported as ``score``, a dict as it is, an exception is raised.
    """
    pbtune.init(executor="inline")

    def call(*series, metric="score", mode="max", run=None, saves=False):
        def train(config):
            at = int(tune.get_context().get_trial_id()[1:])
            for report in series[at]:
                if isinstance(report, Exception):
                    raise report
                metrics = report if isinstance(report, dict) else {"score": report}
                if saves:
                    with tune.new_checkpoint() as folder:
                        Path(folder, "state.json").write_text(json.dumps(metrics))
                        saved = tune.Checkpoint.from_directory(folder)
                        tune.report(metrics, checkpoint=saved)
                else:
                    tune.report(metrics)

        options = {"name": "run", "storage_path": tmp_path, "verbose": 0, **(run or {})}
        tuner = tune.Tuner(
            train,
            param_space={"lr": tune.uniform(0, 1), "net": {"width": 8}},
            tune_config=tune.TuneConfig(mode, metric, num_samples=len(series), seed=5),
            run_config=tune.RunConfig(**options),
        )
        return tuner.fit()

    yield call
    pbtune.shutdown()


def test_a_grid_has_one_result_a_trial_in_the_order_of_their_creation(grid):
    results = grid([1.0], [3.0], [2.0])
    assert len(results) == 3
    assert [result.trial_id for result in results] == ["t0", "t1", "t2"]
    assert results[1].metrics["score"] == 3.0
    assert results[-1] is results[2]
    with pytest.raises(IndexError):
        results[3]


def test_errors_are_those_of_the_trials_that_failed(grid):
    results = grid([1.0], [2.0, ValueError("no more data")], [RuntimeError("at once")])
    assert (results.num_errors, results.num_terminated) == (2, 1)
    assert [error.trial for error in results.errors] == ["t1", "t2"]
    assert results[0].error is None
    error = results[1].error
    assert isinstance(error, TrialFailed)
    assert (error.error, error.message) == ("ValueError", "no more data")
    assert "raise report" in error.traceback_text
    assert results[1].metrics["score"] == 2.0


def test_a_trial_that_never_reported_has_no_metrics(grid):
    result = grid([ValueError("at once")])[0]
    assert result.metrics is None
    assert result.rows == []
    assert result.checkpoint is None
    assert result.best_checkpoints == []
    assert result.metrics_dataframe.empty


def test_a_result_says_where_it_is_and_what_its_hyperparameters_were(grid, tmp_path):
    results = grid([1.0], [2.0])
    result = results[1]
    assert result.path == str(tmp_path / "run" / "t1")
    assert results.experiment_path == str(tmp_path / "run")
    assert 0 <= result.config["lr"] < 1
    assert result.config == result.metrics["config"]
    assert results[0].config["lr"] != result.config["lr"]
    assert (results.filesystem, result.filesystem) == (None, None)
    assert repr(result).startswith("Result(trial_id='t1', metrics={'score': 2.0")


@pytest.mark.parametrize(
    ("scope", "mode", "best"),
    [
        ("last", "max", "t1"),
        ("last", "min", "t0"),
        ("all", "max", "t0"),
        ("all", "min", "t2"),
        ("avg", "max", "t1"),
        ("avg", "min", "t2"),
    ],
)
def test_a_scope_says_which_reports_are_compared(grid, scope, mode, best):
    results = grid([9.0, 0.0, 0.0], [4.0, 4.0, 4.0], [-3.0, 1.0, 1.0])
    assert results.get_best_result(mode=mode, scope=scope).trial_id == best


@pytest.mark.parametrize(
    ("scope", "best"), [("avg", "t0"), ("last-10-avg", "t1"), ("last-5-avg", "t2")]
)
def test_an_average_of_the_last_reports_forgets_those_before(grid, scope, best):
    long_ago, then, lately = [90.0] * 5, [0.0] * 5, [0.0] * 5
    results = grid(
        long_ago + then + lately,
        [0.0] * 5 + [30.0] * 5 + lately,
        [0.0] * 5 + then + [10.0] * 5,
    )
    assert results.get_best_result(scope=scope).trial_id == best


def test_an_average_of_more_reports_than_there_are_is_of_those_there_are(grid):
    results = grid([3.0, 3.0], [2.0] * 20)
    assert results.get_best_result(scope="last-10-avg").trial_id == "t0"


@pytest.mark.parametrize("scope", ["last", "all", "avg", "last-5-avg", "last-10-avg"])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_first_of_equals_is_the_best(grid, scope, mode):
    results = grid([1.0], [1.0], [1.0])
    assert results.get_best_result(mode=mode, scope=scope).trial_id == "t0"


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("scope", ["last", "all", "avg"])
def test_nan_and_infinities_are_left_out(grid, mode, scope):
    results = grid([NAN], [INF], [-INF], [5.0])
    assert results.get_best_result(mode=mode, scope=scope).trial_id == "t3"


@pytest.mark.parametrize(("mode", "best"), [("max", "t1"), ("min", "t2")])
def test_infinities_count_when_that_is_asked_for_and_nan_never(grid, mode, best):
    results = grid([NAN], [INF], [-INF], [5.0])
    found = results.get_best_result(mode=mode, filter_nan_and_inf=False)
    assert found.trial_id == best


@pytest.mark.parametrize("series", [[NAN, 9.0], [9.0, NAN]])
def test_one_nan_does_not_hide_the_best_of_all_reports(grid, series):
    results = grid([5.0, 5.0], series)
    best = results.get_best_result(scope="all", filter_nan_and_inf=False)
    assert best.trial_id == "t1"


def test_a_nan_makes_an_unfiltered_average_unknown(grid):
    results = grid([5.0, 5.0], [NAN, 9.0])
    assert results.get_best_result(scope="avg").trial_id == "t1"
    assert results.get_best_result(scope="avg", filter_nan_and_inf=False).trial_id == "t0"


def test_a_single_trial_is_the_best_without_any_metric(grid):
    results = grid([{"x": NAN}], metric=None, mode=None)
    assert results.get_best_result() is results[0]


@pytest.mark.parametrize(
    ("given", "lacking"),
    [({}, "metric"), ({"metric": "score"}, "mode"), ({"mode": "max"}, "metric")],
)
def test_the_best_of_several_needs_metric_and_mode(grid, given, lacking):
    results = grid([1.0], [2.0], metric=None, mode=None)
    with pytest.raises(SettingsError, match=rf"get_best_result\(\) needs a {lacking}"):
        results.get_best_result(**given)
    assert results.get_best_result("score", "max").trial_id == "t1"


@pytest.mark.parametrize(
    ("series", "metric"), [([[1.0], [2.0]], "loss"), ([[NAN], [INF]], "score"), ([[], []], "score")]
)
def test_a_metric_that_nobody_reported_as_a_number_is_an_error_that_names_it(grid, series, metric):
    results = grid(*series)
    with pytest.raises(NoResult, match=f"no trial reported a number for '{metric}'") as caught:
        results.get_best_result(metric=metric)
    assert isinstance(caught.value, RuntimeError)


def test_that_error_names_what_was_reported(grid):
    with pytest.raises(NoResult, match=r"reported were .*score"):
        grid([1.0], [2.0]).get_best_result(metric="loss")


def test_that_error_says_so_where_nothing_was_reported(grid):
    with pytest.raises(NoResult, match="nothing was reported"):
        grid([], []).get_best_result(metric="loss")


def test_an_unknown_scope_names_the_known_ones(grid):
    with pytest.raises(SettingsError, match="all, last, avg, last-5-avg, last-10-avg"):
        grid([1.0], [2.0]).get_best_result(scope="first")


def test_a_wrong_mode_is_named(grid):
    results = grid([1.0], [2.0])
    with pytest.raises(SettingsError, match='"max" or "min", not \'best\''):
        results.get_best_result(mode="best")
    with pytest.raises(SettingsError, match='"max" or "min", not \'best\''):
        results.get_dataframe("score", "best")


def test_a_nested_metric_is_named_by_its_path(grid):
    series = [[{"eval": {"loss": loss}}] for loss in (3.0, 1.0, 2.0)]
    results = grid(*series, metric="eval/loss", mode="min")
    assert results.get_best_result().trial_id == "t1"
    assert results.get_best_result().metrics["eval"] == {"loss": 1.0}


def test_auto_filled_keys_can_be_compared_too(grid):
    results = grid([1.0], [1.0, 1.0], [1.0])
    assert results.get_best_result("training_iteration", "max").trial_id == "t1"


def test_a_data_frame_has_one_row_a_trial_with_its_last_report(grid):
    frame = grid([1.0, 5.0, 2.0], [3.0]).get_dataframe()
    assert list(frame["score"]) == [2.0, 3.0]
    assert list(frame["training_iteration"]) == [3, 1]
    assert list(frame["logdir"]) == ["t0", "t1"]
    assert list(frame["trial_id"]) == ["t0", "t1"]
    assert list(frame["config/net/width"]) == [8, 8]
    assert frame["config/lr"].between(0, 1).all()
    assert not [name for name in frame.columns if name == "config"]


@pytest.mark.parametrize(
    ("mode", "scores", "steps"), [("max", [5.0, 3.0], [2, 1]), ("min", [1.0, 3.0], [1, 1])]
)
def test_a_filtered_data_frame_has_each_trials_best_report(grid, mode, scores, steps):
    frame = grid([1.0, 5.0, 2.0], [3.0, NAN]).get_dataframe("score", mode)
    assert list(frame["score"]) == scores
    assert list(frame["training_iteration"]) == steps


def test_a_data_frame_leaves_out_trials_without_a_report(grid):
    results = grid([1.0], [ValueError("at once")])
    assert list(results.get_dataframe()["logdir"]) == ["t0"]
    assert list(results.get_dataframe("score", "max")["logdir"]) == ["t0"]


@pytest.mark.parametrize("given", [{"filter_metric": "score"}, {"filter_mode": "max"}])
def test_a_filter_needs_both_metric_and_mode(grid, given):
    with pytest.raises(SettingsError, match="filter_metric and filter_mode together"):
        grid([1.0]).get_dataframe(**given)


def test_a_results_data_frame_has_every_report_with_nested_keys_joined(grid):
    frame = grid([{"score": 1.0, "eval": {"loss": 9.0}}, {"score": 2.0, "new": "x"}])[
        0
    ].metrics_dataframe
    assert list(frame["score"]) == [1.0, 2.0]
    assert list(frame["training_iteration"]) == [1, 2]
    assert frame["eval/loss"][0] == 9.0
    assert frame["new"][1] == "x"
    assert pd.isna(frame["new"][0])
    assert list(frame["config/net/width"]) == [8, 8]


def test_without_pandas_a_data_frame_says_what_to_install(grid, monkeypatch):
    results = grid([1.0])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SettingsError, match=r"pip install 'pbtune\[pandas\]'"):
        results.get_dataframe()


def test_every_report_has_the_keys_that_tune_fills_in(grid):
    first, second = grid([1.0, 2.0])[0].rows
    assert (first["training_iteration"], second["training_iteration"]) == (1, 2)
    assert (first["iterations_since_restore"], second["iterations_since_restore"]) == (1, 2)
    assert 0 <= first["time_this_iter_s"] == first["time_total_s"] == first["time_since_restore"]
    assert second["time_total_s"] == pytest.approx(
        first["time_total_s"] + second["time_this_iter_s"]
    )
    assert (first["done"], second["done"]) == (False, False), "nothing ended it but its return"
    assert isinstance(first["timestamp"], int)
    assert len(first["date"]) == len("2026-01-01_00-00-00")
    assert first["trial_id"] == "t0"
    assert first["checkpoint_dir_name"] is None


def test_a_user_s_own_value_stands_where_tune_lets_it_stand(grid):
    own = {
        "training_iteration": 70,
        "time_this_iter_s": 0.5,
        "time_total_s": 35.0,
        "done": False,
        "timestamp": 1,
        "date": "today",
        "trial_id": "mine",
        "config": "mine",
    }
    metrics = grid([{"score": 1.0, **own}, {"score": 2.0}])[0].rows[0]
    stands = ("training_iteration", "time_this_iter_s", "time_total_s", "done")
    assert {key: metrics[key] for key in stands} == {key: own[key] for key in stands}
    assert metrics["timestamp"] > 1
    assert metrics["date"] != "today"
    assert metrics["trial_id"] == "t0"
    assert metrics["config"]["net"] == {"width": 8}


def test_a_report_names_its_checkpoint_s_directory(grid, tmp_path):
    result = grid([1.0, 2.0], saves=True)[0]
    names = [row["checkpoint_dir_name"] for row in result.rows]
    assert names == ["checkpoint_000000", "checkpoint_000001"]
    assert result.checkpoint.path == str(tmp_path / "run/t0/checkpoint_000001")


def stored(checkpoint):
    return json.loads(Path(checkpoint.path, "state.json").read_text())["score"]


@pytest.mark.parametrize(
    ("order", "expected"), [("max", [1.0, 3.0, 7.0, 9.0]), ("min", [9.0, 7.0, 3.0, 1.0])]
)
def test_best_checkpoints_come_worst_first_each_with_its_report(grid, order, expected):
    keeping = tune.CheckpointConfig(
        checkpoint_score_attribute="score", checkpoint_score_order=order
    )
    result = grid([3.0, 9.0, 1.0, 7.0], saves=True, run={"checkpoint_config": keeping})[0]
    assert [metrics["score"] for _, metrics in result.best_checkpoints] == expected
    assert [stored(checkpoint) for checkpoint, _ in result.best_checkpoints] == expected


def test_without_a_score_checkpoints_come_in_their_order(grid):
    keeping = tune.CheckpointConfig(num_to_keep=2)
    result = grid([3.0, 9.0, 1.0], saves=True, run={"checkpoint_config": keeping})[0]
    assert [stored(checkpoint) for checkpoint, _ in result.best_checkpoints] == [9.0, 1.0]


def test_the_best_checkpoint_by_any_metric_can_be_asked_for(grid):
    series = [{"score": score, "eval": {"loss": loss}} for score, loss in [(3, 4), (9, 5), (1, 2)]]
    result = grid(series, saves=True)[0]
    assert stored(result.get_best_checkpoint("score", "max")) == 9
    assert stored(result.get_best_checkpoint("score", "min")) == 1
    assert stored(result.get_best_checkpoint("eval/loss", "min")) == 1


def test_a_best_checkpoint_by_a_metric_that_was_not_reported_is_an_error(grid):
    result = grid([1.0], saves=True)[0]
    with pytest.raises(NoResult, match="no checkpoint of t0 was reported with the number 'loss'"):
        result.get_best_checkpoint("loss", "min")
    with pytest.raises(SettingsError):
        result.get_best_checkpoint("score", "best")


def test_without_checkpoints_none_is_the_best(grid):
    assert grid([1.0])[0].get_best_checkpoint("score", "max") is None


def test_a_grid_can_be_read_from_the_run_s_folder_alone(grid, tmp_path):
    fitted = grid([1.0, 2.0], [4.0, ValueError("over")])
    read = tune.ResultGrid(tmp_path / "run")
    assert [result.metrics for result in read] == [result.metrics for result in fitted]
    assert read.get_best_result().trial_id == "t1"
    assert str(read.errors[0]) == str(fitted.errors[0])


def test_a_value_that_only_python_knows_is_in_the_config_of_a_result(tmp_path):
    pbtune.init(executor="inline")

    class Model:
        pass

    try:
        results = tune.Tuner(
            lambda config: tune.report({"name": config["model"].__name__}),
            param_space={"model": Model},
            run_config=tune.RunConfig(storage_path=tmp_path, verbose=0),
        ).fit()
    finally:
        pbtune.shutdown()
    assert results[0].config["model"] is Model
    assert results[0].metrics["config"]["model"] is Model
    assert results[0].metrics["name"] == "Model"
