"""PB2 over two bounded hyperparameters."""

import os
import tempfile

import ray
from ray import tune
from ray.tune.schedulers.pb2 import PB2

ray.init(num_cpus=4)


def climb(config):
    level, start = 0.0, 1
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            with open(os.path.join(folder, "level")) as file:
                start, level = (float(it) for it in file.read().split())
        start = int(start) + 1
    for step in range(start, 100):
        level += 1 - (config["lr"] - 0.6) ** 2 - (config["decay"] - 0.3) ** 2
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "level"), "w") as file:
                file.write(f"{step} {level}")
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"level": level, "timesteps": step}, checkpoint=checkpoint)


scheduler = PB2(
    time_attr="timesteps",
    metric="level",
    mode="max",
    perturbation_interval=3,
    quantile_fraction=0.25,
    hyperparam_bounds={"lr": [0.0, 1.0], "decay": [0.0, 1.0]},
)
results = tune.Tuner(
    climb,
    param_space={"lr": tune.uniform(0, 1), "decay": tune.uniform(0, 1)},
    tune_config=tune.TuneConfig(scheduler=scheduler, num_samples=4),
    run_config=tune.RunConfig(
        stop={"timesteps": 9}, storage_path=os.environ.get("RESULTS"), verbose=0
    ),
).fit()
best = results.get_best_result("level", "max")
assert 0 <= best.config["lr"] <= 1
assert best.metrics["timesteps"] == 9
assert all(0 <= it.config["decay"] <= 1 for it in results)
print("Best hyperparameters found were:", best.config)
print("PASSED")
