"""Callbacks, loggers, a reporter, and the files that they leave."""

import csv
import json
import os
import tempfile

from ray import tune
from ray.tune import Callback, CLIReporter
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback, LoggerCallback
from ray.tune.schedulers import PopulationBasedTraining


class Watcher(Callback):
    def __init__(self):
        self.starts, self.results, self.completed = 0, [], []

    def on_trial_start(self, iteration, trials, trial, **info):
        self.starts += 1

    def on_trial_result(self, iteration, trials, trial, result, **info):
        self.results.append((trial.trial_id, result["training_iteration"], result["score"]))

    def on_trial_complete(self, iteration, trials, trial, **info):
        self.completed.append(trial.trial_id)


class Lines(LoggerCallback):
    def __init__(self):
        self.lines = []

    def log_trial_result(self, iteration, trial, result):
        self.lines.append(f"{trial}: {result['score']}")

    def log_trial_end(self, trial, failed=False):
        self.lines.append(f"{trial} ended")


def objective(config):
    start = 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            start = int(open(os.path.join(folder, "step")).read())
    for step in range(start + 1, 50):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "step"), "w") as file:
                file.write(str(step))
            tune.report(
                {"score": step * config["a"], "nested": {"loss": 1 / step}},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )


if __name__ == "__main__":
    watcher, lines = Watcher(), Lines()
    reporter = CLIReporter(metric_columns=["score", "training_iteration"], max_report_frequency=30)
    reporter.add_metric_column("nested/loss")
    tuner = tune.Tuner(
        objective,
        param_space={"a": tune.grid_search([1, 2, 3])},
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            scheduler=PopulationBasedTraining(
                time_attr="training_iteration",
                perturbation_interval=4,
                hyperparam_mutations={"a": [1, 2, 3]},
            ),
            trial_name_creator=lambda trial: f"member_{trial.trial_id}",
            trial_dirname_creator=lambda trial: f"member_{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            stop={"training_iteration": 8},
            callbacks=[watcher, lines, JsonLoggerCallback(), CSVLoggerCallback()],
            progress_reporter=reporter,
            storage_path=os.environ.get("RESULTS"),
            log_to_file=True,
            verbose=1,
        ),
    )
    results = tuner.fit()
    assert watcher.starts >= 3
    assert len(watcher.completed) == 3, watcher.completed
    assert any(line.startswith("member_") for line in lines.lines), lines.lines
    for result in results:
        with open(os.path.join(result.path, "result.json")) as file:
            rows = [json.loads(line) for line in file]
        assert rows[-1]["training_iteration"] == 8
        assert {"pid", "hostname", "node_ip", "date", "config"} <= set(rows[-1])
        with open(os.path.join(result.path, "progress.csv")) as file:
            assert "nested/loss" in next(csv.reader(file))
        with open(os.path.join(result.path, "params.json")) as file:
            assert json.load(file)["a"] in (1, 2, 3)
    print("Best hyperparameters found were:", results.get_best_result().config)
    print("PASSED")
