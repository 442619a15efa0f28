"""Two members in two slots that block at every fifth report, and time what follows.

A report that goes on is timed by its return. One that ends in an exploit doesn't return: the time
of its call is left in the process's environment, where the next call of the function in the same
process finds it.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path

import pbtune
from pbtune import tune
from pbtune.tune.schedulers import PopulationBasedTraining

INTERVAL = 5
MARK = "BENCH_REPORTED"


def samples(folder: Path) -> dict[str, list[int]]:
    """What the workers wrote, put together."""
    found: dict[str, list[int]] = {"verdicts_ns": [], "exploits_ns": []}
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            for key, values in json.loads(line).items():
                found[key] += values
    return found


def main() -> None:
    """Run to the end, and write all timings to ``--out``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--intervals", type=int, default=400)
    parser.add_argument("--quantile-fraction", type=float, default=0.0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=Path(arguments.out).parent))

    def train(_config: dict[str, object]) -> None:
        arrived_ns = time.perf_counter_ns()
        trial = tune.get_context().get_trial_id()
        reported_by, _, reported_ns = os.environ.pop(MARK, "").partition(" ")
        found: dict[str, list[int]] = {"verdicts_ns": [], "exploits_ns": []}
        if reported_by == trial:
            found["exploits_ns"].append(arrived_ns - int(reported_ns))
        step = 0
        checkpoint = tune.get_checkpoint()
        if checkpoint:
            with checkpoint.as_directory() as directory:
                step = json.loads(Path(directory, "state.json").read_text())["step"]
        try:
            while True:
                step += 1
                metrics = {"score": random.random(), "step": step}
                if step % INTERVAL:
                    tune.report(metrics)
                    continue
                with tempfile.TemporaryDirectory() as directory:
                    Path(directory, "state.json").write_text(json.dumps({"step": step}))
                    checkpoint = tune.Checkpoint.from_directory(directory)
                    called_ns = time.perf_counter_ns()
                    os.environ[MARK] = f"{trial} {called_ns}"
                    tune.report(metrics, checkpoint=checkpoint)
                    found["verdicts_ns"].append(time.perf_counter_ns() - called_ns)
        finally:
            with Path(folder, f"{os.getpid()}.jsonl").open("a") as file:
                file.write(json.dumps(found) + "\n")

    pbtune.init(num_cpus=2)
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=INTERVAL,
        hyperparam_mutations={"rate": tune.uniform(0.0, 1.0)},
        quantile_fraction=arguments.quantile_fraction,
    )
    tuner = tune.Tuner(
        train,
        run_config=tune.RunConfig(
            name="verdicts",
            verbose=0,
            stop={"training_iteration": INTERVAL * arguments.intervals},
            checkpoint_config=tune.CheckpointConfig(num_to_keep=2),
        ),
        tune_config=tune.TuneConfig(
            scheduler=scheduler, metric="score", mode="max", num_samples=2, seed=1
        ),
        param_space={"rate": tune.uniform(0.0, 1.0)},
    )
    if errors := tuner.fit().errors:
        raise errors[0]
    Path(arguments.out).write_text(json.dumps(samples(folder)))


if __name__ == "__main__":
    main()
