"""The class API: setup, step, save_checkpoint, load_checkpoint, reset_config."""

import json
import os

import numpy as np
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining
from ray.tune.utils import validate_save_restore


class Quadratic(tune.Trainable):
    """Goes down a bowl with a step size that population based training finds."""

    def setup(self, config):
        self.timestep = 0
        self.lr = config["lr"]
        self.position = np.array([5.0, -3.0])

    def step(self):
        self.timestep += 1
        self.position = self.position - self.lr * 2 * self.position
        return {"loss": float(np.sum(self.position**2)), "lr": self.lr, "seen": self.iteration}

    def save_checkpoint(self, checkpoint_dir):
        with open(os.path.join(checkpoint_dir, "state.json"), "w") as file:
            json.dump({"timestep": self.timestep, "position": self.position.tolist()}, file)
        return checkpoint_dir

    def load_checkpoint(self, checkpoint_dir):
        with open(os.path.join(checkpoint_dir, "state.json")) as file:
            state = json.load(file)
        self.timestep, self.position = state["timestep"], np.array(state["position"])

    def reset_config(self, new_config):
        self.lr = new_config["lr"]
        self.position, self.timestep = np.array([5.0, -3.0]), 0
        return True


class InMemory(tune.Trainable):
    """Saves a dict."""

    def setup(self, config):
        self.height = 0.0

    def step(self):
        self.height += self.config["lr"]
        return {"height": self.height}

    def save_checkpoint(self, checkpoint_dir):
        return {"height": self.height}

    def load_checkpoint(self, checkpoint):
        self.height = checkpoint["height"]


if __name__ == "__main__":
    validate_save_restore(Quadratic, config={"lr": 0.1})
    pbt = PopulationBasedTraining(
        time_attr="training_iteration",
        metric="loss",
        mode="min",
        perturbation_interval=3,
        hyperparam_mutations={"lr": lambda: float(np.random.uniform(0.01, 0.4))},
    )
    results = tune.Tuner(
        tune.with_resources(Quadratic, {"cpu": 1}),
        param_space={"lr": tune.uniform(0.001, 0.4)},
        tune_config=tune.TuneConfig(scheduler=pbt, num_samples=4, reuse_actors=True),
        run_config=tune.RunConfig(
            stop={"training_iteration": 12},
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=3, checkpoint_at_end=True),
            storage_path=os.environ.get("RESULTS"),
            verbose=0,
        ),
    ).fit()
    best = results.get_best_result(metric="loss", mode="min")
    assert best.metrics["training_iteration"] == 12
    with best.checkpoint.as_directory() as folder:
        state = json.load(open(os.path.join(folder, "state.json")))
    assert state["timestep"] == 12, state

    results = tune.Tuner(
        InMemory,
        param_space={"lr": tune.choice([1, 2, 3])},
        tune_config=tune.TuneConfig(
            metric="height",
            mode="max",
            num_samples=3,
            scheduler=PopulationBasedTraining(
                time_attr="training_iteration",
                perturbation_interval=2,
                hyperparam_mutations={"lr": [1, 2, 3]},
            ),
        ),
        run_config=tune.RunConfig(
            stop={"training_iteration": 6}, storage_path=os.environ.get("RESULTS"), verbose=0
        ),
    ).fit()
    assert not results.errors
    print("Best hyperparameters found were:", results.get_best_result().config)
    print("PASSED")
