"""A thousand members that learn nothing, with checkpoints as the example makes them."""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import pbtune
from pbtune import tune
from pbtune.tune.schedulers import PopulationBasedTraining

MEMBERS, ITERATIONS, INTERVAL = 1_000, 100, 10


def memory_kb() -> int:
    """The most memory that this program had resident.

    Linux hands ``ru_maxrss`` down through exec, so it may be the starting process's; VmHWM isn't.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // 1024 if sys.platform == "darwin" else most


def train(config: dict[str, float]) -> None:
    """Add a random share of the rate to the score, for ever."""
    step, score = 0, 0.0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as directory:
            state = json.loads(Path(directory, "state.json").read_text())
        step, score = state["step"], state["score"]
    while True:
        step += 1
        score += config["rate"] * random.random()
        metrics = {"score": score, "rate": config["rate"]}
        if step % INTERVAL:
            tune.report(metrics)
            continue
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "state.json").write_text(json.dumps({"step": step, "score": score}))
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(directory))


def main() -> None:
    """Run them all, and write time and memory to ``--out``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    out = Path(parser.parse_args().out)
    pbtune.init(num_cpus=2)
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=INTERVAL,
        hyperparam_mutations={"rate": tune.uniform(0.0, 1.0)},
    )
    tuner = tune.Tuner(
        train,
        run_config=tune.RunConfig(
            name="thousand",
            verbose=0,
            stop={"training_iteration": ITERATIONS},
            checkpoint_config=tune.CheckpointConfig(num_to_keep=2),
        ),
        tune_config=tune.TuneConfig(
            scheduler=scheduler, metric="score", mode="max", num_samples=MEMBERS, seed=1
        ),
        param_space={"rate": tune.uniform(0.0, 1.0)},
    )
    before_kb = memory_kb()
    start_s = time.perf_counter()
    results = tuner.fit()
    fit_s = time.perf_counter() - start_s
    fitted_kb = memory_kb()
    if results.errors:
        raise results.errors[0]
    iterations = [result.metrics["training_iteration"] for result in results]
    found = {
        "fit_s": fit_s,
        "memory_before_kb": before_kb,
        "memory_kb": fitted_kb,
        "members": len(results),
        "iterations_least": min(iterations),
    }
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
