"""The PBT function example under pbtune, on the executor that ``--executor`` names.

The interpreter that runs this needs Ray for "ray". Times exclude the start of the interpreter, and
count from ``fit()``, as those of ``ray_example.py`` do.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import pbtune
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
from pbtune import tune
from pbtune.journal.reader import JournalReader
from pbtune.tune.schedulers import PopulationBasedTraining


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
    parser.add_argument("--executor", choices=["ray", "processes"], required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    pbtune.init(executor=arguments.executor, num_cpus=arguments.slots)
    if arguments.executor == "ray":
        # Ray Tune's times exclude the start of the cluster too.
        from pbtune.executors.ray.cluster import connect  # noqa: PLC0415  only where Ray is

        connect(None, {"CPU": arguments.slots})
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=INTERVAL,
        hyperparam_mutations={"lr": tune.uniform(*LR_DOMAIN), "some_other_factor": list(FACTORS)},
    )
    with tempfile.TemporaryDirectory() as storage:
        tuner = tune.Tuner(
            train,
            run_config=tune.RunConfig(
                name="example",
                storage_path=storage,
                stop={"done": True, "training_iteration": ITERATIONS_MAX},
                verbose=0,
            ),
            tune_config=tune.TuneConfig(
                scheduler=scheduler,
                metric="mean_accuracy",
                mode="max",
                num_samples=POPULATION,
                seed=arguments.seed,
            ),
            param_space=dict(FIRST_CONFIG),
        )
        began_at, began_s = time.time(), time.perf_counter()
        tuner.fit()
        wall_s = time.perf_counter() - began_s
        with JournalReader(Path(storage, "example")) as reader:
            times = [report.timestamp for report in reader.reports(superseded=True)]
    result = {
        "reports": len(times),
        "fit_s": wall_s,
        "start_s": min(times) - began_at,
        "ms_per_report": wall_s * 1000 / len(times),
    }
    Path(arguments.out).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
