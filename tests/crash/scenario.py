"""The script that the sweeps kill: a small synchronous population, deterministic but for time.

    python scenario.py STORAGE [--executor inline] [--durability power] [--until 8] [--pause 0.0]

Run again, it goes on where it was. After each report that has come back, its nonce goes into
STORAGE/acknowledged, so that a reader can ask the journal for it.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import pbtune
from pbtune import tune
from pbtune.driver import loop
from pbtune.journal import sqlite
from pbtune.tune.schedulers import PopulationBasedTraining
from pbtune.worker import space

INTERVAL = 2
# So often that every sweep meets it.
loop.KEEP_EVERY = 25
loop.KEEP_PER_TRIAL = 1


def train(config):
    """Climb by the learning rate; the state is the whole history, so a mix-up changes the score."""
    if given("impatient"):
        space.RETRY_S, space.AT_LATEST_S = 0.02, 0.05
    state = {"score": 0.0, "step": 0}
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        state = json.loads(Path(checkpoint.path, "state.json").read_text())
    while True:
        state["step"] += 1
        state["score"] = state["score"] * 0.9 + config["lr"] * state["step"]
        time.sleep(float(given("pause")))
        if given("forks") and os.fork() == 0:
            # Out of the worker's process group, so that only its ancestors know of it.
            os.setsid()
            os.execv("/bin/sleep", ["sleep", given("forks")])
        if str(state["step"]) == given("hang"):
            time.sleep(1000)
        nonce = f"{os.getpid()}-{time.monotonic_ns()}"
        with tune.new_checkpoint() as folder:
            Path(folder, "state.json").write_text(json.dumps(state))
            Path(folder, "weights.bin").write_bytes(bytes(256))
            saved = tune.Checkpoint.from_directory(folder)
            metrics = {"score": state["score"], "nonce": nonce}
            line = f"\n{os.getpid()} {state['step']} {nonce} .\n"
            try:
                tune.report(metrics, checkpoint=saved)
            except SystemExit:
                # The driver has answered, so the report is stored.
                acknowledge(line)
                raise
            acknowledge(line)


def given(name):
    """What the script was told, by the environment: no part of the config, so it may change."""
    return os.environ[f"SCENARIO_{name.upper()}"]


def acknowledge(line):
    """One call, appended, so that two workers don't mix; the dot says that a line is whole."""
    storage = Path(tune.get_context().get_trial_dir()).parents[1]
    fd = os.open(storage / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, line.encode())
    os.close(fd)


def main():
    """Begin the run, or go on with it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("storage", type=Path)
    parser.add_argument("--executor", default="processes")
    parser.add_argument("--durability", default="process")
    parser.add_argument("--until", type=int, default=6)
    parser.add_argument("--pause", default="0", help="seconds that a step takes")
    parser.add_argument("--forks", default="", help="seconds that a child of each step sleeps")
    parser.add_argument("--hang", default="", help="the step that never comes back")
    parser.add_argument("--failures", type=int, default=3, help="that a trial may have")
    parser.add_argument("--impatient", default="", help="a full disk is looked at again soon")
    parser.add_argument("--network", action="store_true", help="as on a network file system")
    told = parser.parse_args()
    if told.network:
        sqlite.network_filesystem = lambda _path: "nfs"
    for name in ("pause", "forks", "hang", "impatient"):
        os.environ[f"SCENARIO_{name.upper()}"] = getattr(told, name)
    pbtune.init(num_cpus=2, executor=told.executor)
    results = tune.Tuner(
        train,
        param_space={"lr": tune.uniform(0.1, 1.0)},
        tune_config=tune.TuneConfig(
            "max",
            "score",
            num_samples=4,
            seed=7,
            scheduler=PopulationBasedTraining(
                "training_iteration",
                perturbation_interval=INTERVAL,
                quantile_fraction=0.5,
                hyperparam_mutations={"lr": tune.uniform(0.1, 1.0)},
                synch=True,
            ),
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=told.storage,
            stop={"training_iteration": told.until},
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            failure_config=tune.FailureConfig(max_failures=told.failures),
            durability=told.durability,
            resume="auto",
            verbose=0,
        ),
    ).fit()
    return int(results.num_errors > 0)


if __name__ == "__main__":
    sys.exit(main())
