"""Callbacks and loggers: which hooks, in which order, with what."""

import json
import os

from ray import tune
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback, LoggerCallback, pretty_print
from ray.tune.utils import deep_update, flatten_dict, merge_dicts, unflattened_lookup

from cases.helping import checkpoint_of, fitted, raised, simply


def two_steps(config):
    tune.report({"x": 1}, checkpoint=checkpoint_of(1))
    tune.report({"x": 2})


class Telling(tune.Callback):
    def __init__(self):
        self.told = []
        self.seen = {}

    def setup(self, **info):
        self.told.append("setup")
        self.seen["setup"] = sorted(
            it for it in info if it in {"stop", "num_samples", "total_num_samples"}
        )

    def on_trial_start(self, iteration, trials, trial, **info):
        self.told.append("start")
        self.seen["config"] = trial.config
        self.seen["trials"] = len(trials)

    def on_trial_result(self, iteration, trials, trial, result, **info):
        self.told.append(f"result {result['x']}")
        self.seen["result"] = [
            result["training_iteration"],
            result["config"],
            isinstance(iteration, int),
            trial.status,
            "pid" in result,
        ]

    def on_checkpoint(self, iteration, trials, trial, checkpoint, **info):
        self.told.append("checkpoint")
        self.seen["checkpoint"] = os.path.basename(getattr(checkpoint, "path", ""))

    def on_trial_complete(self, iteration, trials, trial, **info):
        self.told.append("complete")
        self.seen["last"] = [trial.last_result["x"], trial.last_result["done"]]
        self.seen["text"] = str(trial).startswith("two_steps_")

    def on_trial_error(self, iteration, trials, trial, **info):
        self.told.append("error")

    def on_experiment_end(self, trials, **info):
        self.told.append("end")
        self.seen["ended"] = [it.status for it in trials]


def case_hooks(folder):
    telling = Telling()
    fitted(two_steps, folder, {"a": 1}, callbacks=[telling])
    yield "order", [it for it in telling.told if it != "checkpoint"]
    for name, value in sorted(telling.seen.items()):
        yield name, value

    def failing(config):
        tune.report({"x": 1})
        raise ValueError("broken")

    telling = Telling()
    fitted(failing, folder, {"a": 1}, callbacks=[telling])
    yield "error", telling.told
    yield "no_callback", raised(lambda: fitted(simply, folder, callbacks=[3]))


class Logging(LoggerCallback):
    def __init__(self):
        self.told = []

    def log_trial_start(self, trial):
        self.told.append("start")

    def log_trial_result(self, iteration, trial, result):
        self.told.append(f"result {result['x']}")

    def log_trial_end(self, trial, failed=False):
        self.told.append(f"end {failed}")


def case_loggers(folder):
    logging = Logging()
    fitted(two_steps, folder, callbacks=[logging])
    yield "order", logging.told
    (result,) = fitted(
        two_steps, folder, {"lr": 0.5}, callbacks=[JsonLoggerCallback(), CSVLoggerCallback()]
    )
    with open(os.path.join(result.path, "result.json")) as file:
        yield "json", [json.loads(line)["x"] for line in file]
    with open(os.path.join(result.path, "params.json")) as file:
        yield "params", json.load(file)
    with open(os.path.join(result.path, "progress.csv")) as file:
        yield "csv", len(file.read().strip().split("\n"))


def case_text(folder):
    result = {"a": 1.5, "b": {"c": [1, 2]}, "config": {"x": 1}, "none": None, "flag": True}
    yield "pretty", pretty_print(result)


def case_dicts(folder):
    yield "flat", flatten_dict({"a": {"b": {"c": 1}}, "d": 2})
    yield "delimiter", flatten_dict({"a": {"b": 1}}, delimiter=".")
    yield "empty", flatten_dict({"a": {}})
    yield "list", flatten_dict({"a": [1, {"b": 2}]}, flatten_list=True)
    yield "prevented", raised(lambda: flatten_dict({"a/b": {"c": 1}}, prevent_delimiter=True))
    yield "merged", merge_dicts({"a": {"b": 1}}, {"a": {"c": 2}, "d": 3})
    yield "updated", deep_update({"a": {"b": 1}}, {"a": {"b": 2}})
    yield "new_key", raised(lambda: deep_update({"a": 1}, {"b": 2}))
    yield "looked_up", unflattened_lookup("a/b", {"a": {"b": 3}})
    yield "default", unflattened_lookup("a/x", {"a": {"b": 3}}, default=None)
    yield "in_a_list", unflattened_lookup("a/0", {"a": [4]})
    yield "missing", raised(lambda: unflattened_lookup("a/x", {"a": {}}))
