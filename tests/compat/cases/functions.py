"""Training functions: what is reported, what is filled in, how they end."""

import os

import numpy as np
from ray import train, tune
from ray.air import session

from cases.helping import checkpoint_of, counting, fitted, raised, simply, value_of

FILLED = (
    *("training_iteration", "time_this_iter_s", "time_total_s", "done", "pid", "hostname"),
    *("node_ip", "timestamp", "date", "trial_id", "config", "time_since_restore"),
    *("iterations_since_restore", "checkpoint_dir_name", "experiment_tag"),
)


def case_filled_in(folder):
    (result,) = fitted(simply, folder, {"a": 2})
    metrics = result.metrics
    yield "keys", [key for key in FILLED if key in metrics]
    yield "kinds", {key: type(metrics[key]).__name__ for key in FILLED if key in metrics}
    yield "iteration", metrics["training_iteration"]
    yield "since_restore", metrics["iterations_since_restore"]
    yield "done", metrics["done"]
    yield "config", metrics["config"]
    yield "trial_id", isinstance(metrics["trial_id"], str)
    yield "pid_is_anothers", metrics["pid"] != os.getpid()
    yield "checkpoint", metrics["checkpoint_dir_name"]
    frame = result.metrics_dataframe
    yield "rows", len(frame)
    yield "columns", sorted(it for it in frame.columns if it in FILLED or it.startswith("config"))
    yield "iterations", list(frame["training_iteration"])
    yield "dones", [bool(it) for it in frame["done"]]
    yield "same_pid", len(set(frame["pid"]))


def case_users_own_keys(folder):
    def train_it(config):
        tune.report(
            {
                "training_iteration": 70,
                "time_total_s": 5.0,
                "time_this_iter_s": 2.0,
                "pid": -1,
                "hostname": "mine",
                "trial_id": "mine",
                "timestamp": 3,
                "config": "mine",
                "date": "today",
            }
        )

    (result,) = fitted(train_it, folder, {"a": 2})
    found = result.metrics
    yield "stand", {key: found[key] for key in ("training_iteration", "time_total_s")}
    yield (
        "overwritten",
        {
            key: found[key] in {-1, "mine", 3, "today"}
            for key in ("pid", "hostname", "trial_id", "date", "timestamp")
        },
    )
    yield "config", found["config"]


def case_returned(folder):
    def metric(of):
        (result,) = fitted(of, folder)
        return result.error if result.error is not None else result.metrics.get("_metric")

    def whole(of):
        (result,) = fitted(of, folder)
        found = result.metrics or {}
        rows = 0 if not found else len(result.metrics_dataframe)
        return [found.get("x"), rows, found.get("done"), result.error is None]

    def number(config):
        return 3

    def dictionary(config):
        return {"x": 4}

    def generator(config):
        yield {"x": 1}
        yield {"x": 2}

    def numbers(config):
        yield 1
        yield 2

    def nothing(config):
        tune.report({"x": 9})

    def text(config):
        return "x"

    def both(config):
        tune.report({"x": 1})
        return {"x": 2}

    yield "number", metric(number)
    yield "dictionary", whole(dictionary)
    yield "generator", whole(generator)
    yield "numbers", metric(numbers)
    yield "nothing", whole(nothing)
    yield "both", whole(both)
    (result,) = fitted(text, folder)
    yield "text_is_an_error", result.error is not None


def case_values(folder):
    def train_it(config):
        tune.report(
            {
                "int": 1,
                "float": 0.5,
                "nan": float("nan"),
                "inf": float("inf"),
                "text": "é",
                "none": None,
                "yes": True,
                "list": [1, 2],
                "nested": {"a": {"b": 3}},
                "numpy": np.float32(0.25),
                "numpy_int": np.int64(4),
            }
        )

    (result,) = fitted(train_it, folder)
    for key in ("int", "float", "nan", "inf", "text", "none", "yes", "list", "nested"):
        yield key, result.metrics[key]
    yield "numpy", float(result.metrics["numpy"])
    yield "numpy_int", int(result.metrics["numpy_int"])
    yield "flat", [it for it in result.metrics_dataframe.columns if it.startswith("nested")]


def case_context(folder):
    def train_it(config):
        context = tune.get_context()
        trial_dir = context.get_trial_dir()
        tune.report(
            {
                "experiment": context.get_experiment_name(),
                "id": context.get_trial_id(),
                "name_ends_with_id": context.get_trial_name().endswith(context.get_trial_id()),
                "name_begins": context.get_trial_name().startswith("train_it"),
                "dir": os.path.isabs(trial_dir) and os.path.isdir(trial_dir),
                "cpu": context.get_trial_resources().required_resources.get("CPU"),
                "world": [
                    context.get_world_size(),
                    context.get_world_rank(),
                    context.get_local_rank(),
                    context.get_node_rank(),
                    context.get_local_world_size(),
                ],
                "storage": context.get_storage() is not None,
                "session_id": session.get_trial_id() == context.get_trial_id(),
                "session_name": session.get_experiment_name(),
            }
        )

    (result,) = fitted(train_it, folder, name="here")
    found = result.metrics
    for key in ("experiment", "name_ends_with_id", "name_begins", "dir", "cpu", "world"):
        yield key, found[key]
    yield "id", found["id"] == found["trial_id"]
    for key in ("storage", "session_id", "session_name"):
        yield key, found[key]


def case_resources(folder):
    def train_it(config):
        resources = tune.get_context().get_trial_resources().required_resources
        tune.report({"cpu": resources.get("CPU", 0), "omp": os.environ.get("OMP_NUM_THREADS")})

    (result,) = fitted(tune.with_resources(train_it, {"cpu": 2}), folder)
    yield "two", [result.metrics["cpu"], result.metrics["omp"]]
    factory = tune.PlacementGroupFactory([{"CPU": 3}])
    (result,) = fitted(tune.with_resources(train_it, factory), folder)
    yield "factory", result.metrics["cpu"]
    asked = tune.with_resources(train_it, lambda config: {"cpu": config["n"]})
    (result,) = fitted(asked, folder, {"n": 2})
    yield "function", result.metrics["cpu"]


def case_parameters(folder):
    def train_it(config, data=None, factor=1):
        tune.report({"x": sum(data) * factor * config["a"]})

    bound = tune.with_parameters(train_it, data=[1, 2, 3], factor=2)
    found = fitted(bound, folder, {"a": tune.grid_search([1, 10])})
    yield "bound", [result.metrics["x"] for result in found]
    yield "unknown", raised(lambda: tune.with_parameters(3, data=1))
    both = tune.with_resources(tune.with_parameters(train_it, data=[1]), {"cpu": 1})
    (result,) = fitted(both, folder, {"a": 1})
    yield "and_resources", result.metrics["x"]


def case_older_reports(folder):
    def with_train(config):
        train.report({"x": 1}, checkpoint=checkpoint_of(5))

    def with_session(config):
        session.report({"x": 2}, checkpoint=checkpoint_of(6))

    (result,) = fitted(with_session, folder)
    yield "session", [result.metrics["x"], value_of(result.checkpoint)] if result.metrics else None


def case_errors(folder):
    def failing(config):
        tune.report({"x": 1})
        if config["a"] == 2:
            raise ValueError("broken")

    found = fitted(failing, folder, {"a": tune.grid_search([1, 2])})
    yield "counts", [len(found), found.num_errors, found.num_terminated, len(found.errors)]
    bad = found[1]
    yield "error", isinstance(bad.error, Exception)
    yield "error_is_the_users", isinstance(bad.error, ValueError)
    yield "error_is_a_runtime_error", isinstance(bad.error, RuntimeError)
    yield "done", [found[0].metrics["done"], bad.metrics["done"]]
    yield "text", "broken" in str(bad.error)
    yield "metrics_before", bad.metrics["x"]
    yield "good_has_none", found[0].error
    text = open(os.path.join(bad.path, "error.txt")).read()
    yield "error_txt", ["ValueError" in text, "broken" in text]
    yield "error_pkl", os.path.exists(os.path.join(bad.path, "error.pkl"))

    def at_once(config):
        raise ValueError("at once")

    (result,) = fitted(at_once, folder)
    yield "never_reported", [result.error is not None, result.checkpoint]
    yield "no_signature", raised(lambda: fitted(lambda: None, folder))


def case_retries(folder):
    def fragile(config):
        start = value_of(tune.get_checkpoint()) or 0
        for step in range(start + 1, 5):
            if step == 3 and start == 0:
                raise RuntimeError("once")
            tune.report({"step": step, "from": start}, checkpoint=checkpoint_of(step))

    (result,) = fitted(fragile, folder, failure_config=tune.FailureConfig(max_failures=1))
    yield "ends_well", result.error
    yield "went_on", [result.metrics["step"], result.metrics["from"]]
    yield "iterations", list(result.metrics_dataframe["training_iteration"])
    yield "since_restore", result.metrics["iterations_since_restore"]


def case_checkpoints(folder):
    (result,) = fitted(counting, folder)
    yield "newest", value_of(result.checkpoint)
    yield "name", os.path.basename(result.checkpoint.path)
    yield "in_the_trial", os.path.dirname(result.checkpoint.path) == result.path
    yield "best", [value_of(it) for it, _ in result.best_checkpoints]
    yield "best_metrics", [it["value"] for _, it in result.best_checkpoints]
    yield "row_names", list(result.metrics_dataframe["checkpoint_dir_name"])
    yield "should", result.metrics.get("should_checkpoint")
    folders = sorted(it for it in os.listdir(result.path) if it.startswith("checkpoint_"))
    yield "folders", folders
    checkpoint = result.checkpoint
    target = checkpoint.to_directory()
    yield "copied", open(os.path.join(target, "value.txt")).read()
    yield "to_a_place", os.listdir(checkpoint.to_directory(os.path.join(folder, "there")))
    yield "metadata", checkpoint.get_metadata()
    yield "not_a_path", raised(lambda: os.fspath(checkpoint))
    yield "no_dict", raised(lambda: checkpoint.to_dict())
    yield "no_from_dict", raised(lambda: tune.Checkpoint.from_dict({}))
    yield "no_uri", raised(lambda: tune.Checkpoint.from_uri("s3://x"))
    yield "by_metric", value_of(result.get_best_checkpoint("value", "max"))
    yield "by_metric_min", value_of(result.get_best_checkpoint("value", "min"))


def case_metadata(folder):
    checkpoint = checkpoint_of(1)
    yield "empty", checkpoint.get_metadata()
    checkpoint.set_metadata({"a": 1})
    checkpoint.update_metadata({"b": 2})
    yield "updated", checkpoint.get_metadata()
    checkpoint.set_metadata({"c": 3})
    yield "replaced", checkpoint.get_metadata()


def case_kept(folder):
    config = tune.CheckpointConfig(num_to_keep=2)
    (result,) = fitted(counting, folder, checkpoint_config=config)
    yield "newest_two", sorted(value_of(it) for it, _ in result.best_checkpoints)
    config = tune.CheckpointConfig(2, "value", "min")
    (result,) = fitted(counting, folder, checkpoint_config=config)
    kept = [value_of(it) for it, _ in result.best_checkpoints]
    yield "best_are_kept", 1 in kept
    yield "newest_is_kept", value_of(result.checkpoint)
    folders = sorted(it for it in os.listdir(result.path) if it.startswith("checkpoint_"))
    yield "others_are_gone", len(folders) <= 3


def case_refused_of_functions(folder):
    yield (
        "frequency",
        raised(
            lambda: fitted(
                simply, folder, checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1)
            )
        ),
    )
    yield (
        "at_end",
        raised(
            lambda: fitted(
                simply, folder, checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=True)
            )
        ),
    )
    yield "nothing_to_train", raised(lambda: fitted(None, folder))
    yield "a_number", raised(lambda: fitted(3, folder))
    yield "a_space_that_is_none", raised(lambda: fitted(simply, folder, [1]))
    yield "an_unknown_name", raised(lambda: fitted("no_such_training", folder))


def case_stops(folder):
    def count(stop, **settings):
        (result,) = fitted(simply, folder, {"a": 1}, stop=stop, **settings)
        return [result.metrics["step"], result.metrics["done"]]

    yield "iteration", count({"training_iteration": 2})
    yield "metric", count({"value": 3})
    yield "either", count({"value": 100, "training_iteration": 3})
    yield "missing_key", count({"nothing": 1})
    yield "function", count(lambda trial_id, result: result["step"] >= 2)
    yield "stopper", count(tune.stopper.MaximumIterationStopper(1))

    def done(config):
        for step in range(1, 5):
            tune.report({"step": step, "done": step == 2, "value": 1})

    (result,) = fitted(done, folder)
    yield "done", [result.metrics["step"], result.metrics["done"]]

    def code_after(config):
        try:
            for step in range(1, 9):
                tune.report({"step": step, "value": step})
        except SystemExit:
            raise
        except BaseException:
            os._exit(1)

    (result,) = fitted(code_after, folder, stop={"training_iteration": 3})
    yield "by_a_system_exit", [result.metrics["step"], result.error]
    yield "bad_stop", raised(lambda: fitted(simply, folder, stop=3))
