"""``decide`` for one ready member of a population in which everybody is ranked; no run around it.

The core is pure, so the same decision can be taken as often as one likes.
"""

import argparse
import json
import random
import time
from pathlib import Path

from pbtune.core.decide import advance, decide
from pbtune.core.decisions import Exploited
from pbtune.core.events import Opened, Report, Reported, Saved
from pbtune.core.experiment import Experiment
from pbtune.core.fold import fold
from pbtune.core.objective import Objective
from pbtune.core.plan import place
from pbtune.core.retention import Retention
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.settings import Settings
from pbtune.core.space import uniform
from pbtune.core.stopping import StopRules
from pbtune.driver.user_calls import SeededCalls

INTERVAL = 5
SAMPLE_COUNT = 4_000


def settings_of(population: int) -> Settings:
    """The example's settings."""
    return Settings(
        objective=Objective(1, SeededCalls(), "mean_accuracy", "max"),
        scheduler=PBT(
            mutations={"lr": uniform(0.0001, 0.02), "some_other_factor": [1, 2]},
            perturbation_interval=INTERVAL,
            attr="training_iteration",
        ),
        param_space={"lr": 0.0001, "some_other_factor": 1, "checkpoint_interval": INTERVAL},
        num_samples=population,
        stop=StopRules((("done", True), ("training_iteration", 1000))),
        retention=Retention(2, "mean_accuracy", "max"),
    )


def events_at(step: int, trial: str, score: float) -> tuple[Saved, Reported]:
    """A checkpoint and its report."""
    checkpoint = f"{trial}/checkpoint_{step // INTERVAL - 1:06d}"
    observed = {"done": False, "mean_accuracy": score, "training_iteration": step}
    saved = Saved(trial, 1, checkpoint, step, float(step), 1.0, score)
    return saved, Reported((Report(trial, 1, step, 1.0, observed, checkpoint),))


def populated(settings: Settings, scores: dict[str, float]) -> Experiment:
    """Everybody in a slot, and ranked once. In rising order of scores nobody is replaced."""
    state, _ = advance(settings, Experiment(), Opened(1))
    state, _ = place(state, len(scores), [])
    # Whoever is ranked next is the best so far, thus never of the bottom (but in the first pair).
    for trial in sorted(scores, key=scores.__getitem__):
        for event in events_at(INTERVAL, trial, scores[trial]):
            state, _ = advance(settings, state, event)
    state.validate()
    return state


def main() -> None:
    """Time decisions of every member in turn, and write the samples to ``--out``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--population", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    settings = settings_of(arguments.population)
    scores = {f"t{index}": rng.random() for index in range(arguments.population)}
    state = populated(settings, scores)
    clock = time.perf_counter_ns
    samples: dict[str, list[int]] = {
        f"{end}{part}_ns": [] for end in ("replaced", "ranked") for part in ("", "_whole")
    }
    trials = list(scores)
    for index in range(SAMPLE_COUNT):
        trial = trials[index % len(trials)]
        saved, reported = events_at(2 * INTERVAL, trial, scores[trial])
        # Fold, retention and decision: all that such a report costs the core, but for placing.
        before_ns = clock()
        after, _ = advance(settings, state, saved)
        advance(settings, after, reported)
        whole_ns = clock() - before_ns
        ready = fold(after, reported)
        before_ns = clock()
        decisions = decide(settings, ready, reported)
        spent_ns = clock() - before_ns
        is_replaced = any(isinstance(decision, Exploited) for decision in decisions)
        end = "replaced" if is_replaced else "ranked"
        samples[f"{end}_ns"].append(spent_ns)
        samples[f"{end}_whole_ns"].append(whole_ns)
    Path(arguments.out).write_text(json.dumps(samples))


if __name__ == "__main__":
    main()
