"""A training loop over an iterator that ends when it ends."""

import os

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining


class Batches:
    def __init__(self, count):
        self.left = count

    def __iter__(self):
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return self.left


def train_all(config):
    batches, seen = iter(Batches(config["count"])), 0
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            break
        seen += 1
        tune.report({"left": batch, "seen": seen, "loss": batch / config["lr"]})
    return {"left": -1, "seen": seen, "loss": 0.0}


if __name__ == "__main__":
    results = tune.Tuner(
        train_all,
        param_space={"count": tune.grid_search([3, 5]), "lr": tune.sample_from(lambda spec: 0.5)},
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            scheduler=PopulationBasedTraining(
                perturbation_interval=600, hyperparam_mutations={"lr": [0.5, 1.0]}
            ),
        ),
        run_config=tune.RunConfig(storage_path=os.environ.get("RESULTS"), verbose=0),
    ).fit()
    assert [it.metrics["seen"] for it in results] == [3, 5]
    assert [len(it.metrics_dataframe) for it in results] == [4, 6]
    assert all(it.metrics["done"] for it in results)
    print("Best hyperparameters found were:", results.get_best_result().config)
    print("PASSED")
