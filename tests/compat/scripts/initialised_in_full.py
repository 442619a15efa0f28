"""ray.init with everything that scripts give it; objects, registered names, run_experiments."""

import logging
import os

import ray
from ray import tune
from ray.tune.registry import register_trainable
from ray.tune.stopper import CombinedStopper, MaximumIterationStopper, TrialPlateauStopper

ray.init(
    address=None,
    num_cpus=4,
    num_gpus=0,
    resources={"licence": 2},
    object_store_memory=200 * 1024 * 1024,
    local_mode=False,
    ignore_reinit_error=True,
    include_dashboard=False,
    dashboard_host="127.0.0.1",
    configure_logging=True,
    logging_level=logging.ERROR,
    log_to_driver=False,
    namespace="mine",
    runtime_env=None,
)
assert ray.is_initialized()
assert ray.cluster_resources()["CPU"] == 4
weights = ray.put({"w": [1.0, 2.0]})
assert ray.get(weights)["w"] == [1.0, 2.0]


def simple(config):
    for step in range(20):
        tune.report({"score": min(step, 5) * config["a"]})


register_trainable("simple", simple)
stopper = CombinedStopper(
    MaximumIterationStopper(12), TrialPlateauStopper("score", std=0.001, num_results=3)
)
results = tune.Tuner(
    tune.with_resources(simple, {"cpu": 1, "licence": 1}),
    param_space={"a": tune.grid_search([1, 2])},
    run_config=tune.RunConfig(stop=stopper, storage_path=os.environ.get("RESULTS"), verbose=0),
).fit()
assert all(it.metrics["training_iteration"] <= 12 for it in results), list(results)
trials = tune.run_experiments(
    {
        "registered": {
            "run": "simple",
            "stop": {"training_iteration": 3},
            "config": {"a": tune.grid_search([1, 2, 3])},
            "storage_path": os.environ.get("RESULTS"),
        }
    },
    verbose=0,
)
assert sorted(it.last_result["score"] for it in trials) == [2, 4, 6]
ray.shutdown()
assert not ray.is_initialized()
print("PASSED")
