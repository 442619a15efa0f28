"""A run fails, and is restored."""

import os
import tempfile

from ray import train, tune
from ray.tune.schedulers import PopulationBasedTraining


def fragile(config):
    step = 0
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            with open(os.path.join(folder, "step.txt")) as file:
                step = int(file.read())
    while True:
        step += 1
        if step == 5 and config["index"] == 1 and not os.path.exists(config["mended"]):
            raise RuntimeError("the power went out")
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "step.txt"), "w") as file:
                file.write(str(step))
            tune.report(
                {"reward": step * config["lr"], "step": step},
                checkpoint=train.Checkpoint.from_directory(folder),
            )


if __name__ == "__main__":
    root = os.environ.get("RESULTS") or tempfile.mkdtemp()
    mended = os.path.join(tempfile.mkdtemp(), "mended")
    tuner = tune.Tuner(
        fragile,
        param_space={
            "lr": tune.uniform(0.1, 1),
            "index": tune.grid_search([0, 1]),
            "mended": mended,
        },
        tune_config=tune.TuneConfig(
            metric="reward",
            mode="max",
            scheduler=PopulationBasedTraining(
                time_attr="training_iteration",
                perturbation_interval=100,
                hyperparam_mutations={"lr": tune.uniform(0.1, 1)},
            ),
        ),
        run_config=tune.RunConfig(
            name="to_restore", storage_path=root, stop={"step": 8}, verbose=0
        ),
    )
    first = tuner.fit()
    assert first.num_errors == 1, first
    assert isinstance(first.errors[0], Exception)
    path = os.path.join(root, "to_restore")
    assert tune.Tuner.can_restore(path)
    open(mended, "w").close()
    again = tune.Tuner.restore(path, trainable=fragile, resume_errored=True).fit()
    assert again.num_errors == 0, again.errors
    assert sorted(it.metrics["step"] for it in again) == [8, 8]
    errored = [it for it in again if it.config["index"] == 1][0]
    assert list(errored.metrics_dataframe["step"]) == list(range(1, 9))
    print("Best hyperparameters found were:", again.get_best_result().config)
    print("PASSED")
