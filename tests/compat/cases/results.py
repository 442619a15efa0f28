"""What fit() gives back: results, best ones, scopes, data frames, errors; and the files."""

import csv
import json
import os
import pickle

from ray import tune
from ray.tune import ExperimentAnalysis, ResultGrid

from cases.helping import checkpoint_of, counting, fitted, raised, simply, tuner, value_of


def curve(config):
    for value in config["values"]:
        tune.report(
            {"value": value, "loss": -value if value == value else value, "n": {"x": value}}
        )


CURVES = [[1, 9, 2], [3, 3, 4], [2, 2, 3]]


def curves(folder, values=CURVES, **settings):
    settings = {"metric": "value", "mode": "max", **settings}
    return fitted(curve, folder, {"values": tune.grid_search(values)}, **settings)


def case_grid(folder):
    found = curves(folder)
    yield "length", len(found)
    yield "index", found[0].metrics["value"]
    yield "iterate", [it.metrics["value"] for it in found]
    yield "errors", [found.errors, found.num_errors, found.num_terminated]
    yield (
        "path",
        [os.path.isdir(found.experiment_path), os.path.basename(found.experiment_path)[:3]],
    )
    yield "best", found.get_best_result().metrics["value"]
    yield "best_config", found.get_best_result().config
    yield "best_min", found.get_best_result(mode="min").metrics["value"]
    yield "other_metric", found.get_best_result("loss", "min").metrics["value"]
    yield "nested_metric", found.get_best_result("n/x", "max").metrics["value"]
    for scope in ("all", "last", "avg", "last-5-avg", "last-10-avg"):
        yield f"scope_{scope}", found.get_best_result(scope=scope).config["values"]
        yield f"scope_{scope}_min", found.get_best_result(scope=scope, mode="min").config["values"]
    yield "bad_scope", raised(lambda: found.get_best_result(scope="best"))
    yield "bad_mode", raised(lambda: found.get_best_result(mode="up"))
    yield "no_such_metric", raised(lambda: found.get_best_result("nothing", "max"))
    yield "bad_index", raised(lambda: found[10])
    yield "again", ResultGrid(ExperimentAnalysis(found.experiment_path)).num_errors


def case_without_a_metric(folder):
    found = fitted(curve, folder, {"values": tune.grid_search(CURVES)})
    yield "refused", raised(found.get_best_result)
    yield "only_a_mode", raised(lambda: found.get_best_result(mode="max"))
    yield "only_a_metric", raised(lambda: found.get_best_result("value"))
    yield "both", found.get_best_result("value", "max").metrics["value"]
    (one,) = fitted(curve, folder, {"values": [1, 2]})
    grid = fitted(curve, folder, {"values": [1, 2]})
    yield "of_one_trial", grid.get_best_result().metrics["value"]
    yield "ties", curves(folder, [[1, 5], [2, 5]]).get_best_result().config["values"]


def case_nan(folder):
    nan = float("nan")
    found = curves(folder, [[1, nan], [1, 2], [1, float("inf")]])
    yield "left_out", found.get_best_result().metrics["value"]
    yield "kept", found.get_best_result(filter_nan_and_inf=False).metrics["value"]
    found = curves(folder, [[nan], [nan]])
    yield "only_nan", raised(found.get_best_result)


def case_frames(folder):
    found = curves(folder)
    frame = found.get_dataframe()
    yield "rows", len(frame)
    yield "last", list(frame["value"])
    yield "columns", [it in frame.columns for it in ("value", "n/x", "logdir", "trial_id")]
    yield "config_columns", sorted(it for it in frame.columns if it.startswith("config/"))
    yield "logdir_is_the_id", list(frame["logdir"]) == list(frame["trial_id"])
    yield "by_max", list(found.get_dataframe("value", "max")["value"])
    yield "by_min", list(found.get_dataframe("value", "min")["value"])
    yield "half", raised(lambda: found.get_dataframe(filter_metric="value"))
    yield "metrics", list(found[0].metrics_dataframe["value"])
    yield "nested", list(found[0].metrics_dataframe["n/x"])
    yield "iterations", list(found[0].metrics_dataframe["training_iteration"])


def case_from_path(folder):
    (result,) = fitted(counting, folder, {"a": 3})
    again = tune.Result.from_path(result.path)
    yield "metrics", again.metrics["value"]
    yield "config", again.config["a"]
    yield "checkpoint", value_of(again.checkpoint)
    yield "path", again.path == result.path
    yield "rows", len(again.metrics_dataframe)
    yield "best", [value_of(it) for it, _ in again.best_checkpoints]
    yield "error", again.error
    yield "nowhere", raised(lambda: tune.Result.from_path(os.path.join(folder, "nowhere")))


def case_files(folder):
    (result,) = fitted(counting, folder, {"a": 3, "lr": 0.5, "n": {"m": [1, 2]}})
    names = os.listdir(result.path)
    expected = ("params.json", "params.pkl", "result.json", "progress.csv")
    yield "names", [it for it in expected if it in names]
    with open(os.path.join(result.path, "params.json")) as file:
        yield "params", json.load(file)
    with open(os.path.join(result.path, "params.pkl"), "rb") as file:
        yield "params_pickle", pickle.load(file)
    with open(os.path.join(result.path, "result.json")) as file:
        rows = [json.loads(line) for line in file]
    yield "rows", [row["value"] for row in rows]
    filled = ("training_iteration", "pid", "hostname", "node_ip", "date", "timestamp", "trial_id")
    yield "filled", [it in rows[-1] for it in filled]
    yield "row_config", rows[0]["config"]
    yield "row_checkpoint", rows[0]["checkpoint_dir_name"]
    yield "tag_is_not_in_rows", "experiment_tag" in rows[-1]
    with open(os.path.join(result.path, "progress.csv")) as file:
        table = list(csv.DictReader(file))
    yield "csv_rows", [row["value"] for row in table]
    yield "csv_columns", [it in table[0] for it in filled]
    yield "csv_has_no_config", [it for it in table[0] if it.startswith("config")]
    yield "events", any(it.startswith("events.out.tfevents") for it in names)
    above = os.listdir(os.path.dirname(result.path))
    yield "tuner", "tuner.pkl" in above


def case_nan_in_files(folder):
    (result,) = curves(folder, [[1.5, float("nan"), float("inf")]])
    with open(os.path.join(result.path, "result.json")) as file:
        rows = [json.loads(line) for line in file]
    yield "json", [row["value"] for row in rows]
    with open(os.path.join(result.path, "progress.csv")) as file:
        yield "csv", [row["value"] for row in csv.DictReader(file)]


def case_late_columns(folder):
    def late(config):
        tune.report({"a": 1})
        tune.report({"a": 2, "b": 3})

    (result,) = fitted(late, folder)
    yield "frame", "b" in result.metrics_dataframe.columns


def case_analysis(folder):
    found = tune.run(
        curve,
        config={"values": tune.grid_search(CURVES)},
        metric="value",
        mode="max",
        storage_path=str(folder),
        verbose=0,
    )
    yield "kind", type(found).__name__
    yield "best_config", found.best_config
    yield "best_result", found.best_result["value"]
    yield "best_trial", found.best_trial.last_result["value"]
    yield "best_trial_config", found.best_trial.config
    yield "status", found.best_trial.status
    yield "best_checkpoint", found.best_checkpoint
    yield "trials", len(found.trials)
    yield "results", sorted(it["value"] for it in found.results.values())
    yield "results_df", [len(found.results_df), found.results_df.index.name]
    yield "best_dataframe", list(found.best_dataframe["value"])
    yield "best_result_df", len(found.best_result_df)
    yield "dataframes", sorted(len(it) for it in found.trial_dataframes.values())
    yield "dataframe", sorted(found.dataframe()["value"])
    yield "dataframe_max", sorted(found.dataframe("value", "max")["value"])
    yield "configs", sorted(str(it) for it in found.get_all_configs().values())
    yield (
        "configs_prefixed",
        sorted(sorted(it) for it in found.get_all_configs(prefix=True).values())[0],
    )
    for scope in ("all", "last", "avg", "last-5-avg"):
        yield f"scope_{scope}", found.get_best_trial(scope=scope).config
        yield f"config_{scope}", found.get_best_config(scope=scope)
    yield "min", found.get_best_config("value", "min")
    yield "bad_scope", raised(lambda: found.get_best_trial(scope="best"))
    yield "bad_mode", raised(lambda: found.get_best_trial(mode="up"))
    yield "no_such_metric", found.get_best_trial("nothing", "max")
    again = ExperimentAnalysis(found.experiment_path, default_metric="value", default_mode="min")
    yield "read_again", again.best_config
    yield "nowhere", raised(lambda: ExperimentAnalysis(os.path.join(folder, "nowhere")))


def case_analysis_of_checkpoints(folder):
    found = tune.run(counting, config={"a": 1}, storage_path=str(folder), verbose=0)
    trial = found.trials[0]
    yield "last", value_of(found.get_last_checkpoint(trial))
    yield "best", value_of(found.get_best_checkpoint(trial, "value", "max"))
    yield "worst", value_of(found.get_best_checkpoint(trial, "value", "min"))
    yield "trial", [value_of(trial.checkpoint), trial.is_finished(), trial.has_checkpoint()]
    yield "no_metric", raised(lambda: found.best_config)
    yield "no_mode", raised(lambda: found.get_best_trial("value"))


def case_run(folder):
    def failing(config):
        tune.report({"x": 1})
        raise ValueError("broken")

    def run(of=simply, **settings):
        return tune.run(of, storage_path=str(folder), verbose=0, **settings)

    yield "config", [it.config for it in run(config={"a": 2}).trials]
    yield "samples", len(run(config={}, num_samples=3).trials)
    yield "stop", run(stop={"step": 2}).trials[0].last_result["step"]
    yield "raises", raised(lambda: run(failing))
    found = run(failing, raise_on_failed_trial=False)
    yield "doesn't_raise", [it.status for it in found.trials]
    tune.register_trainable("simple", simply)
    yield "by_name", run("simple").trials[0].last_result["step"]
    yield "unknown_name", raised(lambda: run("no_such_training"))
    yield "resources", run(resources_per_trial={"cpu": 2}).trials[0].last_result["step"]
    yield "name", os.path.basename(run(name="mine").experiment_path)
    config = tune.CheckpointConfig(num_to_keep=1)
    yield "checkpoint_config", len(run(counting, checkpoint_config=config).trials)
    yield "unknown", raised(lambda: run(no_such_argument=1))
    trials = tune.run_experiments(
        {"one": {"run": simply, "config": {"a": 1}, "storage_path": str(folder)}}, verbose=0
    )
    yield "experiments", [it.last_result["step"] for it in trials]
    experiment = tune.Experiment("two", simply, config={"a": 2}, storage_path=str(folder))
    yield "experiment", [experiment.name, experiment.spec["config"]]
    trials = tune.run_experiments(experiment, verbose=0)
    yield "experiment_run", [it.last_result["value"] for it in trials]


def case_restore(folder):
    def fragile(config):
        start = value_of(tune.get_checkpoint()) or 0
        for step in range(start + 1, 5):
            if step == 3 and config["a"] == 2 and not os.path.exists(config["marker"]):
                open(config["marker"], "w").close()
                raise RuntimeError("once")
            tune.report({"step": step, "from": start}, checkpoint=checkpoint_of(step))

    marker = os.path.join(folder, "marker")
    space = {"a": tune.grid_search([1, 2]), "marker": marker}
    one = tuner(fragile, folder, space, name="r", metric="step", mode="max")
    found = one.fit()
    path = found.experiment_path
    yield "first", [found.num_errors, len(found)]
    yield "can", [tune.Tuner.can_restore(path), tune.Tuner.can_restore(str(folder))]
    kept = tune.Tuner.restore(path, fragile).fit()
    yield "errored_stay", kept.num_errors
    resumed = tune.Tuner.restore(path, fragile, resume_errored=True).fit()
    yield "resumed", [resumed.num_errors, sorted(it.metrics["step"] for it in resumed)]
    yield "went_on", sorted(it.metrics["from"] for it in resumed)
    yield "results_before_fit", raised(lambda: tuner(fragile, folder, space).get_results())
    yield "results", len(one.get_results())
    yield "nowhere", raised(lambda: tune.Tuner.restore(os.path.join(folder, "no"), fragile))


def case_restart(folder):
    def fragile(config):
        start = value_of(tune.get_checkpoint()) or 0
        for step in range(start + 1, 5):
            if step == 3 and not os.path.exists(config["marker"]):
                open(config["marker"], "w").close()
                raise RuntimeError("once")
            tune.report({"step": step, "from": start}, checkpoint=checkpoint_of(step))

    marker = os.path.join(folder, "marker")
    found = fitted(fragile, folder, {"marker": marker}, name="r")
    again = tune.Tuner.restore(found.experiment_path, fragile, restart_errored=True).fit()
    yield "from_nothing", [it.metrics["from"] for it in again if it.error is None]
