"""tune.run and ray.air.session, as scripts of some years ago have them."""

import os
import tempfile

from ray import air, tune
from ray.air import session
from ray.air.config import CheckpointConfig, RunConfig
from ray.tune import ExperimentAnalysis
from ray.tune.schedulers import PopulationBasedTraining


def train_model(config):
    score, start = 0.0, 0
    loaded = session.get_checkpoint()
    if loaded:
        with loaded.as_directory() as folder, open(os.path.join(folder, "score")) as file:
            start, score = (float(it) for it in file.read().split(","))
    for step in range(int(start) + 1, 100):
        score += config["lr"]
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "score"), "w") as file:
                file.write(f"{step},{score}")
            session.report(
                {"score": score, "trial": session.get_trial_id(), "name": session.get_trial_name()},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )


if __name__ == "__main__":
    pbt = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=3,
        hyperparam_mutations={"lr": tune.uniform(0, 1)},
        log_config=True,
    )
    analysis = tune.run(
        train_model,
        name="old_style",
        scheduler=pbt,
        metric="score",
        mode="max",
        config={"lr": tune.uniform(0, 1)},
        num_samples=4,
        stop={"training_iteration": 9},
        storage_path=os.environ.get("RESULTS"),
        checkpoint_config=air.CheckpointConfig(
            num_to_keep=2, checkpoint_score_attribute="score", checkpoint_score_order="max"
        ),
        resources_per_trial={"cpu": 1},
        fail_fast=True,
        verbose=0,
    )
    assert isinstance(analysis, ExperimentAnalysis)
    assert analysis.best_config["lr"] >= 0
    assert len(analysis.trials) == 4
    assert analysis.best_result["training_iteration"] == 9
    assert len(analysis.dataframe()) == 4
    assert analysis.best_checkpoint is not None
    assert analysis.best_trial.last_result["name"].startswith("train_model")
    assert len(analysis.results_df) == 4
    assert RunConfig(name="x", checkpoint_config=CheckpointConfig()).name == "x"
    print("Best hyperparameters found were: ", analysis.best_config)
    print("PASSED")
