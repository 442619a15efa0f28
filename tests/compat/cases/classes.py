"""Training classes: the order of the calls, checkpoints, and use by hand."""

import os
import tempfile

from ray import tune
from ray.tune.utils import validate_save_restore

from cases.helping import fitted, raised


def said(text):
    with open(os.environ["CASE_LOG"], "a") as file:
        file.write(f"{text}\n")


class Told(tune.Trainable):
    """Tells what is called."""

    def setup(self, config):
        self.log = config["log"]
        self.x = 0
        self.tell("setup")

    def tell(self, text):
        with open(self.log, "a") as file:
            file.write(f"{text}\n")

    def step(self):
        self.x += 1
        self.tell(f"step {self.x}")
        return {"x": self.x}

    def save_checkpoint(self, checkpoint_dir):
        self.tell("save")
        return {"x": self.x}

    def load_checkpoint(self, checkpoint):
        self.x = checkpoint["x"]
        self.tell(f"load {self.x}")

    def cleanup(self):
        self.tell("cleanup")


class Plain(tune.Trainable):
    """Counts, and saves a file."""

    def setup(self, config):
        self.x = config.get("start", 0)

    def step(self):
        self.x += 1
        return {"x": self.x, "done": self.x >= self.config.get("until", 4)}

    def save_checkpoint(self, checkpoint_dir):
        with open(os.path.join(checkpoint_dir, "x.txt"), "w") as file:
            file.write(str(self.x))

    def load_checkpoint(self, checkpoint_dir):
        with open(os.path.join(checkpoint_dir, "x.txt")) as file:
            self.x = int(file.read())


class Fragile(Plain):
    """Fails once, at its third step."""

    def step(self):
        if self.x == 2 and not os.path.exists(self.config["marker"]):
            open(self.config["marker"], "w").close()
            raise RuntimeError("once")
        return super().step()


class Bare(tune.Trainable):
    """Saves nothing."""

    def step(self):
        return {"x": self.iteration, "done": self.iteration >= 2}


def lines(folder, **settings):
    log = os.path.join(tempfile.mkdtemp(dir=folder), "log")
    (result,) = fitted(Told, folder, {"log": log}, **settings)
    with open(log) as file:
        return result, file.read().split("\n")[:-1]


def case_order(folder):
    _, told = lines(folder, stop={"training_iteration": 2})
    yield "calls", [it for it in told if it != "save"]
    _, told = lines(
        folder, stop={"x": 3}, checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1)
    )
    yield "every_step", told
    result, told = lines(
        folder, stop={"x": 3}, checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=True)
    )
    yield "at_end", told.count("save")
    with result.checkpoint.as_directory() as where:
        yield "dict_file", os.listdir(where).count("_dict_checkpoint.pkl")


def case_results(folder):
    (result,) = fitted(Plain, folder, {"until": 3})
    yield (
        "metrics",
        [result.metrics["x"], result.metrics["training_iteration"], result.metrics["done"]],
    )
    yield "rows", list(result.metrics_dataframe["x"])
    yield "config", result.config
    yield "has_checkpoint", result.checkpoint is not None
    (result,) = fitted(
        Plain, folder, {"until": 4}, checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=2)
    )
    kept = [it["x"] for _, it in result.best_checkpoints]
    yield "frequency", [2 in kept, 4 in kept]
    (result,) = fitted(Bare, folder)
    yield "without_saving", [result.metrics["x"], result.error]


def case_retry(folder):
    marker = os.path.join(folder, "marker")
    (result,) = fitted(
        Fragile,
        folder,
        {"until": 4, "marker": marker},
        checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
        failure_config=tune.FailureConfig(max_failures=2),
    )
    yield "ends_well", result.error
    yield "iterations", list(result.metrics_dataframe["training_iteration"])
    yield "values", list(result.metrics_dataframe["x"])


def case_by_hand(folder):
    one = Plain({"start": 5})
    first = one.train()
    yield "train", [first["x"], first["training_iteration"], first["done"]]
    yield (
        "keys",
        sorted(
            it
            for it in first
            if it
            in {
                "pid",
                "hostname",
                "node_ip",
                "time_total_s",
                "time_this_iter_s",
                "trial_id",
                "date",
            }
        ),
    )
    yield "iteration", [one.iteration, one.training_iteration]
    one.train()
    where = os.path.join(folder, "saved")
    saved = one.save(where)
    two = Plain({})
    two.restore(where)
    yield "restored", [two.iteration, two.x]
    yield "goes_on", [two.train()["training_iteration"], two.x]
    three = Plain({})
    three.restore(saved)
    yield "restored_from_what_was_saved", three.x
    yield "config", one.config
    yield "get_config", one.get_config()
    yield "names", [one.trial_name, one.trial_id]
    yield "logdir", os.path.isdir(one.logdir)
    yield "stop", one.stop()
    yield "validated", validate_save_restore(Plain)
    yield "default_request", Plain.default_resource_request({})
    yield "reset_config", Plain({}).reset_config({})
    yield "no_step", raised(lambda: tune.Trainable({}).train())


def case_parameters(folder):
    class Bound(tune.Trainable):
        def setup(self, config, data=None):
            self.data = data

        def step(self):
            return {"x": sum(self.data), "done": True}

    (result,) = fitted(tune.with_parameters(Bound, data=[1, 2]), folder)
    yield "bound", result.metrics["x"]


def case_resources(folder):
    class Asking(tune.Trainable):
        @classmethod
        def default_resource_request(cls, config):
            return tune.PlacementGroupFactory([{"CPU": config["n"]}])

        def step(self):
            return {"cpu": self.trial_resources.required_resources["CPU"], "done": True}

    (result,) = fitted(Asking, folder, {"n": 2})
    yield "own_request", result.metrics["cpu"]


def case_bad(folder):
    class WrongPlace(Plain):
        def save_checkpoint(self, checkpoint_dir):
            return "/somewhere/else"

    class NoDict(Plain):
        def step(self):
            return 3

    (result,) = fitted(
        WrongPlace, folder, {}, checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1)
    )
    yield "another_place", result.error is not None
    (result,) = fitted(NoDict, folder, {})
    yield "no_dict", result.error is not None
