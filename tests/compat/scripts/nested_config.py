"""Nested hyperparameters, a function that repairs them, synchronous generations."""

import json
import os
import tempfile

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining


def repair(config):
    config["model"]["width"] = max(4, int(config["model"]["width"]))
    config["repaired"] = config.get("repaired", 0) + 1
    return config


def train_nested(config):
    total, start = 0.0, 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder, open(os.path.join(folder, "s.json")) as file:
            total, start = json.load(file)
    for step in range(start + 1, 100):
        total += config["optimizer"]["lr"] * config["model"]["width"]
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "s.json"), "w") as file:
                json.dump([total, step], file)
            tune.report(
                {"eval": {"total": total}, "width": config["model"]["width"]},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )


if __name__ == "__main__":
    space = {
        "optimizer": {"lr": tune.loguniform(1e-3, 1e-1), "name": "sgd"},
        "model": {"width": tune.choice([4, 8, 16]), "layers": [1, 2]},
    }
    pbt = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=3,
        quantile_fraction=0.5,
        resample_probability=0.5,
        perturbation_factors=(1.5, 0.7),
        hyperparam_mutations={
            "optimizer": {"lr": tune.loguniform(1e-3, 1e-1)},
            "model": {"width": [4, 8, 16]},
        },
        custom_explore_fn=repair,
        synch=True,
    )
    results = tune.Tuner(
        train_nested,
        param_space=space,
        tune_config=tune.TuneConfig(metric="eval/total", mode="max", scheduler=pbt, num_samples=4),
        run_config=tune.RunConfig(
            stop={"training_iteration": 9}, storage_path=os.environ.get("RESULTS"), verbose=0
        ),
    ).fit()
    assert not results.errors, results.errors
    best = results.get_best_result()
    assert best.config["optimizer"]["name"] == "sgd"
    assert best.config["model"]["layers"] == [1, 2]
    assert best.metrics["eval"]["total"] > 0
    assert any(it.config.get("repaired") for it in results)
    frame = results.get_dataframe()
    assert {"eval/total", "config/model/width"} <= set(frame.columns)
    print("Best hyperparameters found were:", best.config)
    print("PASSED")
