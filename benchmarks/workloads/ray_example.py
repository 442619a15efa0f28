"""The PBT function example as written for Ray Tune, with ``tune.`` spelling.

On Ray Tune, in its own virtual environment, or with only the import changed on pbtune.

All checkpoints are kept and actors reused: with ``num_to_keep=2`` a donor's checkpoint is deleted
under its copy and the run dies, and without reuse each exploit starts a process.
"""

import argparse
import importlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.problem import (
    FACTORS,
    FIRST_CONFIG,
    INTERVAL,
    ITERATIONS_MAX,
    LR_DOMAIN,
    POPULATION,
    advanced,
    metrics_of,
)

LIBRARY = "pbtune" if "--pbtune" in sys.argv else "ray"
library = importlib.import_module(LIBRARY)
tune = importlib.import_module(f"{LIBRARY}.tune")
schedulers = importlib.import_module(f"{LIBRARY}.tune.schedulers")


class Counter(tune.Callback):
    """Counts the reports that the driver has received: logs may be cut at an exploit."""

    def __init__(self) -> None:
        self.reports = 0

    def on_trial_result(self, *_: object, **__: object) -> None:
        self.reports += 1


def train(config: dict[str, float]) -> None:
    """Train until the run says stop."""
    accuracy, step = 0.0, 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as directory:
            state = json.loads(Path(directory, "checkpoint.json").read_text())
        accuracy, step = state["acc"], state["step"]
    while True:
        step += 1
        point = advanced(accuracy, config["lr"])
        accuracy = point.accuracy
        metrics = metrics_of(point, config["lr"])
        if step % INTERVAL:
            tune.report(metrics)
            continue
        with tempfile.TemporaryDirectory() as directory:
            state = {"acc": accuracy, "step": step}
            Path(directory, "checkpoint.json").write_text(json.dumps(state))
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(directory))


def main() -> None:
    """Run the example once, and write counts and times to ``--out``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pbtune", action="store_true", help="not on Ray Tune")
    arguments = parser.parse_args()
    out = Path(arguments.out)
    random.seed(arguments.seed)
    library.init(num_cpus=arguments.slots, include_dashboard=False, log_to_driver=False)
    counter = Counter()
    scheduler = schedulers.PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=INTERVAL,
        hyperparam_mutations={"lr": tune.uniform(*LR_DOMAIN), "some_other_factor": list(FACTORS)},
    )
    tuner = tune.Tuner(
        train,
        run_config=tune.RunConfig(
            name="pbt_function",
            storage_path=str(out.parent / "ray_results"),
            verbose=0,
            stop={"done": True, "training_iteration": ITERATIONS_MAX},
            failure_config=tune.FailureConfig(fail_fast=True),
            checkpoint_config=tune.CheckpointConfig(num_to_keep=None),
            callbacks=[counter],
        ),
        tune_config=tune.TuneConfig(
            scheduler=scheduler,
            metric="mean_accuracy",
            mode="max",
            num_samples=POPULATION,
            reuse_actors=True,
        ),
        param_space=dict(FIRST_CONFIG),
    )
    start_s = time.perf_counter()
    results = tuner.fit()
    fit_s = time.perf_counter() - start_s
    found = {
        "version": library.__version__,
        "reports": counter.reports,
        "fit_s": fit_s,
        "errors": [str(error).strip().splitlines()[-1] for error in results.errors],
        "reached_goal": sum(bool((result.metrics or {}).get("done")) for result in results),
    }
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
