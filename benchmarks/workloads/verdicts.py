"""Members, a slot each, that block at every fifth report, and time what follows.

A report that goes on is timed by its return. One that ends in an exploit doesn't return: the time
of its call is left in a global of the worker, where the next call of the function in the same
process finds it. What the function's own clean-up takes in between is subtracted.
"""

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import pbtune
from pbtune import tune
from pbtune.tune.schedulers import PopulationBasedTraining

INTERVAL = 5
clock = time.perf_counter_ns
# The worker has one function for all its attempts, and so one set of globals.
interrupted: dict[str, int | str] = {}


def taken_up(trial: str, arrived_ns: int) -> list[int]:
    """The engine's share between this trial's interrupted report and now, if there was one."""
    left = dict(interrupted)
    interrupted.clear()
    if left.get("trial") != trial:
        return []
    cleaning_ns = int(left["left_ns"]) - int(left["raised_ns"])
    return [arrived_ns - int(left["called_ns"]) - cleaning_ns]


def report_timed(step: int, metrics: dict[str, object]) -> int:
    """Report with a checkpoint, and say how long the call took."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "state.json").write_text(json.dumps({"step": step}))
        checkpoint = tune.Checkpoint.from_directory(directory)
        called_ns = clock()
        try:
            tune.report(metrics, checkpoint=checkpoint)
        except SystemExit:
            interrupted.update(called_ns=called_ns, raised_ns=clock())
            raise
        return clock() - called_ns


def train(_config: dict[str, object]) -> None:
    """Random scores for ever; what was timed goes to the working directory."""
    arrived_ns = clock()
    trial = str(tune.get_context().get_trial_id())
    found: dict[str, list[int]] = {"verdicts_ns": [], "exploits_ns": []}
    found["exploits_ns"] += taken_up(trial, arrived_ns)
    step = 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as directory:
            step = json.loads(Path(directory, "state.json").read_text())["step"]
    try:
        while True:
            step += 1
            metrics: dict[str, object] = {"score": random.random(), "step": step}
            if step % INTERVAL:
                tune.report(metrics)
            else:
                found["verdicts_ns"].append(report_timed(step, metrics))
    finally:
        with Path(os.environ["BENCH_NOTES"], f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(found) + "\n")
        interrupted.update(trial=trial, left_ns=clock())


def samples(folder: Path) -> dict[str, list[int]]:
    """What the workers wrote, put together."""
    found: dict[str, list[int]] = {"verdicts_ns": [], "exploits_ns": []}
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            for key, values in json.loads(line).items():
                found[key] += values
    return found


def files_alone(folder: Path, count: int = 200) -> list[int]:
    """The same small checkpoint by nothing but the system's calls: what the file system takes."""
    source = folder / "source.json"
    source.write_text(json.dumps({"step": 0}))
    spent_ns: list[int] = []
    for index in range(count):
        half, whole = folder / ".half", folder / f"checkpoint_{index}"
        before_ns = clock()
        half.mkdir()
        (half / "state.json").write_bytes(source.read_bytes())
        half.rename(whole)
        spent_ns.append(clock() - before_ns)
        # As with retention, so that the folder doesn't grow.
        if index > 1:
            shutil.rmtree(folder / f"checkpoint_{index - 2}")
    return spent_ns


def main() -> None:
    """Run to the end, and write all timings to ``--out``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--intervals", type=int, default=400)
    parser.add_argument("--quantile-fraction", type=float, default=0.0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=Path(arguments.out).parent))
    os.environ["BENCH_NOTES"] = str(folder)
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
            scheduler=scheduler, metric="score", mode="max", num_samples=arguments.members, seed=1
        ),
        param_space={"rate": tune.uniform(0.0, 1.0)},
    )
    if errors := tuner.fit().errors:
        raise errors[0]
    found = {**samples(folder), "files_ns": files_alone(folder)}
    Path(arguments.out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
