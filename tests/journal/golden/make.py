"""Makes the golden runs of a release: ``python make.py FOLDER``, FOLDER named by the format.

Once for each format of the database that was released, with the code of that release; they are
never made anew. Small runs with everything in them: exploits, a retry, NaN, tuples, odd text.
"""

import json
import sys
from pathlib import Path

import pbtune
from pbtune import tune
from pbtune.tune.schedulers import PopulationBasedTraining

NAMES = ("asynchronous", "synchronous")
UNTIL = 8


def climb(config):
    """Fail once at step 5, and report NaN at one step."""
    step, score = 0, 0.0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        state = json.loads(Path(checkpoint.path, "state.json").read_text())
        step, score = state["step"], state["score"]
    while True:
        step += 1
        score = score * 0.9 + config["lr"] * step
        failed = Path(tune.get_context().get_trial_dir()).parents[1] / "failed"
        if step == 5 and not failed.exists():
            failed.touch()
            raise ValueError("only once: naïve ✓")
        metrics = {"score": score, "kind": config["kind"], "text": 'naïve ✓ "twice"'}
        if step == 2 and config["pair"][1] == [2.5] and config["index"] == 1:
            metrics["score"] = float("nan")
        with tune.new_checkpoint() as folder:
            Path(folder, "state.json").write_text(json.dumps({"step": step, "score": score}))
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


def tuner(storage, name, until=UNTIL):
    """One of the runs, to be begun or to be gone on with."""
    return tune.Tuner(
        climb,
        param_space={
            "lr": tune.uniform(0.1, 1.0),
            "kind": tune.choice(["a", "b", "c"]),
            "index": tune.grid_search([0, 1, 2]),
            "pair": (1, [2.5]),
        },
        tune_config=tune.TuneConfig(
            "max",
            "score",
            seed=3,
            scheduler=PopulationBasedTraining(
                "training_iteration",
                perturbation_interval=2,
                quantile_fraction=0.5,
                hyperparam_mutations={"lr": tune.uniform(0.1, 1.0), "kind": ["a", "b", "c"]},
                synch=name == "synchronous",
            ),
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=storage,
            stop={"training_iteration": until},
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            failure_config=tune.FailureConfig(max_failures=2),
            resume="auto",
            verbose=0,
        ),
    )


def table(results):
    """What a run came to: the config and the last score of each member."""
    return [
        {"config": {**it.config, "pair": repr(it.config["pair"])}, "score": it.metrics["score"]}
        for it in results
    ]


def main():
    """Make them, and write down what they came to."""
    storage = Path(sys.argv[1]).absolute()
    pbtune.init(executor="inline")
    came_to = {}
    for name in NAMES:
        came_to[name] = table(tuner(storage, name).fit())
        (storage / "failed").unlink()
        for left in ("driver.lock", "tuner.pkl"):
            (storage / name / left).unlink()
    text = json.dumps(came_to, indent=1, ensure_ascii=False)
    (storage / "came_to.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
