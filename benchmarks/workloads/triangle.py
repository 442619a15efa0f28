"""B3 by the library itself, on Ray Tune or on pbtune: populations of one seed after the other.

Writes a row of CSV after each population, so that a stop loses nothing.
"""

import argparse
import csv
import importlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.comparison.triangle_rule import LR_DOMAIN, stepped

LIBRARY = "pbtune" if "--pbtune" in sys.argv else "ray"
library = importlib.import_module(LIBRARY)
tune = importlib.import_module(f"{LIBRARY}.tune")
schedulers = importlib.import_module(f"{LIBRARY}.tune.schedulers")

MEMBERS, STEPS, INTERVAL = 8, 60, 3
MIDPOINT = 30.0
"""The example's triangle, scaled to fewer steps."""


def train(config: dict[str, float]) -> None:
    """60 steps, with a checkpoint at each interval."""
    accuracy, step = 0.0, 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as directory:
            state = json.loads(Path(directory, "state.json").read_text())
        accuracy, step = state["accuracy"], state["step"]
    while step < STEPS:
        step += 1
        accuracy = stepped(accuracy, config["lr"], random.random(), MIDPOINT)
        if step % INTERVAL:
            tune.report({"accuracy": accuracy})
            continue
        with tempfile.TemporaryDirectory() as directory:
            state = {"accuracy": accuracy, "step": step}
            Path(directory, "state.json").write_text(json.dumps(state))
            tune.report(
                {"accuracy": accuracy}, checkpoint=tune.Checkpoint.from_directory(directory)
            )


def population(seed: int, storage: str, *, synch: bool) -> tuple[float, int]:
    """The best member's last accuracy, and how many members failed."""
    random.seed(seed)
    wishes = {"seed": seed} if LIBRARY == "pbtune" else {}
    tuner = tune.Tuner(
        train,
        param_space={"lr": tune.uniform(*LR_DOMAIN)},
        tune_config=tune.TuneConfig(
            scheduler=schedulers.PopulationBasedTraining(
                time_attr="training_iteration",
                perturbation_interval=INTERVAL,
                hyperparam_mutations={"lr": tune.uniform(*LR_DOMAIN)},
                synch=synch,
            ),
            metric="accuracy",
            mode="max",
            num_samples=MEMBERS,
            reuse_actors=True,
            **wishes,
        ),
        run_config=tune.RunConfig(
            storage_path=storage, verbose=0, stop={"training_iteration": STEPS}
        ),
    )
    results = tuner.fit()
    best = results.get_best_result("accuracy", "max")
    return float(best.metrics["accuracy"]), len(results.errors)


def main() -> None:
    """Populations of the seeds that the file lacks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="the CSV, which is added to")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--synch", action="store_true")
    parser.add_argument("--pbtune", action="store_true", help="not on Ray Tune")
    given = parser.parse_args()
    known: set[tuple[str, str]] = set()
    if given.out.exists():
        with given.out.open(newline="") as file:
            known = {(row["synch"], row["seed"]) for row in csv.DictReader(file)}
    library.init(num_cpus=MEMBERS, include_dashboard=False, log_to_driver=False)
    with given.out.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not known and file.tell() == 0:
            writer.writerow(["library", "version", "synch", "seed", "accuracy", "errors", "wall_s"])
        for seed in range(given.seeds):
            if (str(given.synch), str(seed)) in known:
                continue
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as storage:
                start_s = time.perf_counter()
                accuracy, errors = population(seed, storage, synch=given.synch)
            took_s = round(time.perf_counter() - start_s, 2)
            writer.writerow(
                [LIBRARY, library.__version__, given.synch, seed, accuracy, errors, took_s]
            )
            file.flush()
    library.shutdown()


if __name__ == "__main__":
    main()
