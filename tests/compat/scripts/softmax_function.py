"""A softmax classifier in numpy, trained by a population: function API, checkpoints as files."""

import argparse
import os
import tempfile

import numpy as np
import ray
from ray import train, tune
from ray.tune.schedulers import PopulationBasedTraining

CLASSES, FEATURES, ROWS = 3, 8, 200


def data(seed):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(CLASSES, FEATURES))
    labels = rng.integers(CLASSES, size=ROWS)
    return centres[labels] + rng.normal(size=(ROWS, FEATURES)), labels


def train_classifier(config):
    x, labels = data(1)
    test_x, test_labels = data(2)
    weights, velocity, start = np.zeros((FEATURES, CLASSES)), np.zeros((FEATURES, CLASSES)), 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            state = np.load(os.path.join(folder, "model.npz"))
            weights, velocity, start = state["weights"], state["velocity"], int(state["step"])
    for step in range(start + 1, 1000):
        scores = x @ weights
        exp = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = exp / exp.sum(axis=1, keepdims=True)
        error[np.arange(ROWS), labels] -= 1
        velocity = config["momentum"] * velocity - config["lr"] * x.T @ error / ROWS
        weights = weights + velocity
        accuracy = float((np.argmax(test_x @ weights, axis=1) == test_labels).mean())
        with tempfile.TemporaryDirectory() as folder:
            np.savez(
                os.path.join(folder, "model.npz"), weights=weights, velocity=velocity, step=step
            )
            tune.report(
                {"mean_accuracy": accuracy, "lr": config["lr"]},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke-test", action="store_true", help="Finish quickly for testing")
    args, _ = parser.parse_known_args()

    ray.init(num_cpus=4, ignore_reinit_error=True)
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=5,
        hyperparam_mutations={
            "lr": tune.loguniform(1e-3, 1),
            "momentum": [0.8, 0.9, 0.99],
        },
    )
    tuner = tune.Tuner(
        train_classifier,
        run_config=tune.RunConfig(
            name="pbt_softmax",
            stop={"mean_accuracy": 0.999, "training_iteration": 20},
            checkpoint_config=tune.CheckpointConfig(
                checkpoint_score_attribute="mean_accuracy", num_to_keep=4
            ),
            storage_path=os.environ.get("RESULTS"),
            verbose=0,
        ),
        tune_config=tune.TuneConfig(
            metric="mean_accuracy",
            mode="max",
            scheduler=scheduler,
            num_samples=4,
        ),
        param_space={"lr": tune.uniform(0.001, 1), "momentum": tune.uniform(0.1, 0.9)},
    )
    results = tuner.fit()
    best = results.get_best_result()
    print("Best hyperparameters found were:", best.config)
    assert best.metrics["mean_accuracy"] > 0.5
    assert len(results) == 4
    assert not results.errors
    assert os.path.exists(os.path.join(best.checkpoint.path, "model.npz"))
    frame = best.metrics_dataframe
    assert list(frame["training_iteration"])[-1] == best.metrics["training_iteration"]
    assert isinstance(train.Checkpoint, type)
    ray.shutdown()
    print("PASSED")
