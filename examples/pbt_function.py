r"""Population based training discovers a learning-rate schedule that nobody wrote down.

The problem is a toy with a known answer. A model's accuracy climbs fastest when its learning rate
is near an optimum that moves: low at the start, high half-way, low at the end. A learning rate more
than three times too high makes it worse. No constant can get there; a schedule can.

    optimal lr
      0.010 |      /\
            |     /  \
            |    /    \
      0.001 |___/      \\___
            0    100   200   accuracy

Eight members start with the same, far too low learning rate. Every five steps those at the bottom
copy one at the top, and perturb its learning rate.

    python examples/pbt_function.py --plot pbt_function.png
"""

import argparse
import json
import random
from pathlib import Path

import pbtune
from pbtune import tune
from pbtune.tune.schedulers import PopulationBasedTraining

PEAK_ACCURACY = 100.0
LR_LOW, LR_HIGH = 0.001, 0.01
TOLERANCE = 3.0
NOISE = 2.0
INTERVAL_STEPS = 5


def optimal_lr(accuracy: float) -> float:
    """The triangle: the learning rate that helps most at this accuracy."""
    distance = abs(accuracy - PEAK_ACCURACY) / PEAK_ACCURACY
    return min(LR_HIGH, max(LR_LOW, LR_HIGH * (1 - distance)))


def next_accuracy(accuracy: float, lr: float) -> float:
    """One step of training: progress by how near the learning rate is, and noise."""
    best = optimal_lr(accuracy)
    error = max(lr, best) / min(lr, best)
    if error < TOLERANCE:
        accuracy += random.random() / error
    elif lr > best:
        accuracy -= (error - TOLERANCE) * random.random()
    return max(0.0, accuracy + NOISE * random.gauss(0.0, 1.0))


def load_state() -> tuple[float, int]:
    """Accuracy and next step, from the checkpoint if there is one."""
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return 0.0, 1
    with checkpoint.as_directory() as folder:
        state = json.loads(Path(folder, "checkpoint.json").read_text())
    return state["acc"], state["step"] + 1


def pbt_function(config: dict) -> None:
    """Train until the run says stop. Only ``lr`` matters; ``some_other_factor`` is a decoy."""
    accuracy, step = load_state()
    while True:
        best = optimal_lr(accuracy)
        accuracy = next_accuracy(accuracy, config["lr"])
        metrics = {
            "mean_accuracy": accuracy,
            "cur_lr": config["lr"],
            "optimal_lr": best,
            "q_err": max(config["lr"], best) / min(config["lr"], best),
            "done": accuracy > 2 * PEAK_ACCURACY,
        }
        if step % config["checkpoint_interval"] == 0:
            with tune.new_checkpoint() as folder:
                state = {"acc": accuracy, "step": step}
                Path(folder, "checkpoint.json").write_text(json.dumps(state))
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))
        else:
            tune.report(metrics)
        step += 1


def build(options: argparse.Namespace) -> tune.Tuner:
    """The population: eight members, and how they are compared."""
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=INTERVAL_STEPS,
        resample_probability=0.1,
        hyperparam_mutations={
            "lr": tune.loguniform(0.0001, 0.01),
            "some_other_factor": [1, 2],
        },
    )
    return tune.Tuner(
        pbt_function,
        run_config=tune.RunConfig(
            name="pbt_function",
            verbose=options.verbose,
            stop={"done": True, "training_iteration": options.iterations},
            failure_config=tune.FailureConfig(fail_fast=True),
            checkpoint_config=tune.CheckpointConfig(
                num_to_keep=2, checkpoint_score_attribute="mean_accuracy"
            ),
        ),
        tune_config=tune.TuneConfig(
            scheduler=None if options.no_pbt else scheduler,
            metric="mean_accuracy",
            mode="max",
            num_samples=8,
            seed=options.seed,
        ),
        param_space={
            "lr": 0.0001,
            "some_other_factor": 1,
            "checkpoint_interval": INTERVAL_STEPS,
        },
    )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="PBT finds a triangle-shaped lr schedule.")
    parser.add_argument("--smoke-test", action="store_true", help="2 slots and 10 iterations")
    parser.add_argument("--iterations", type=int, default=1000, help="at most (default 1000)")
    parser.add_argument("--seed", type=int, help="fixes what doesn't depend on timing")
    parser.add_argument("--no-pbt", action="store_true", help="the control: no copies")
    parser.add_argument("--inline", action="store_true", help="one process, one trial at a time")
    parser.add_argument("--verbose", type=int, default=0, help="0, 1 or 2 (default 0)")
    parser.add_argument("--plot", type=Path, help="write the picture here (needs matplotlib)")
    return parser.parse_args(arguments)


def main() -> None:
    """Run the example."""
    options = parse()
    if options.smoke_test:
        pbtune.init(num_cpus=2)
        options.iterations = 10
    if options.inline:
        pbtune.init(executor="inline")
    results = build(options).fit()
    best = results.get_best_result()
    finished = sum(result.metrics["mean_accuracy"] > 2 * PEAK_ACCURACY for result in results)
    print("Best hyperparameters found were:", best.config)
    print(f"Best accuracy {best.metrics['mean_accuracy']:.1f}; {finished} of 8 members got to 200.")
    if options.plot:
        results.plot(options.plot, compare={"lr": "optimal_lr"})
        print("The picture is", options.plot)


if __name__ == "__main__":
    main()
