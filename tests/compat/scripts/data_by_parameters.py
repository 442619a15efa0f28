"""A data set that is bound once, and resources for each trial."""

import os

import numpy as np
import ray
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining


def fit_line(config, x=None, y=None):
    slope = 0.0
    for _ in range(30):
        slope -= config["lr"] * float(np.mean(2 * (slope * x - y) * x))
        yield {
            "loss": float(np.mean((slope * x - y) ** 2)),
            "threads": os.environ["OMP_NUM_THREADS"],
        }


class Holding(tune.Trainable):
    def setup(self, config, table=None):
        self.table = ray.get(table)

    def step(self):
        return {"total": float(np.sum(self.table)), "done": self.iteration >= 1}


if __name__ == "__main__":
    ray.init(num_cpus=4, num_gpus=0, include_dashboard=False, logging_level="ERROR")
    x = np.linspace(0, 1, 500)
    bound = tune.with_parameters(fit_line, x=x, y=3 * x)
    asking = tune.with_resources(bound, tune.PlacementGroupFactory([{"CPU": 2}]))
    results = tune.Tuner(
        asking,
        param_space={"lr": tune.loguniform(1e-2, 1)},
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=3,
            scheduler=PopulationBasedTraining(
                time_attr="training_iteration",
                perturbation_interval=200,
                hyperparam_mutations={"lr": tune.loguniform(1e-2, 1)},
            ),
        ),
        run_config=tune.RunConfig(storage_path=os.environ.get("RESULTS"), verbose=0),
    ).fit()
    assert not results.errors, results.errors
    assert [it.metrics["training_iteration"] for it in results] == [30, 30, 30]
    assert {it.metrics["threads"] for it in results} == {"2"}

    table = ray.put(np.ones((10, 10)))
    results = tune.Tuner(
        tune.with_parameters(Holding, table=table),
        run_config=tune.RunConfig(storage_path=os.environ.get("RESULTS"), verbose=0),
    ).fit()
    assert results[0].metrics["total"] == 100
    assert ray.is_initialized()
    ray.shutdown()
    print("PASSED")
