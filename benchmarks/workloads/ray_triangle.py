"""B3 under Ray Tune's own ``PopulationBasedTraining``, in Ray's environment and in virtual time.

The scheduler is Ray's, unchanged; what stands for its controller does what Ray's does with a
decision: pauses, saves, and goes on from the checkpoint that the scheduler put there. Members are
as fast as each other and report in trial order, as in ``benchmarks.comparison.engine``, whose first
configs and draws are used too. Processes and files, which decide nothing, are left out: with them
one such population takes Ray minutes on two cores.
"""

import argparse
import csv
import json
import logging
import random
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ray
from ray.tune import uniform
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from benchmarks.comparison.triangle_rule import LR_DOMAIN, stepped


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds."""

    accuracy: float
    step: int


@dataclass(eq=False)
class Trial:
    """What the scheduler asks of a trial."""

    index: int
    config: dict[str, float]
    status: str = RayTrial.RUNNING
    experiment_tag: str = ""
    accuracy: float = 0.0
    step: int = 0
    segment: int = 0
    run_metadata: Any = field(
        default_factory=lambda: SimpleNamespace(
            checkpoint_manager=SimpleNamespace(
                checkpoint_config=SimpleNamespace(num_to_keep=None), _latest_checkpoint_result=None
            )
        )
    )
    temporary_state: Any = field(default_factory=lambda: SimpleNamespace(saving_to=None))

    @property
    def trial_id(self) -> str:
        """As in messages."""
        return str(self.index)

    @property
    def manager(self) -> Any:
        """Of its checkpoints."""
        return self.run_metadata.checkpoint_manager

    @property
    def checkpoint(self) -> Saved | None:
        """The one to go on from."""
        found = self.manager._latest_checkpoint_result  # noqa: SLF001  where the scheduler puts it
        return None if found is None else found.checkpoint

    def save(self) -> Saved:
        """Save as it is now, and go on from there if it is paused."""
        saved = Saved(self.accuracy, self.step)
        self.manager._latest_checkpoint_result = SimpleNamespace(checkpoint=saved)  # noqa: SLF001
        return saved

    def is_finished(self) -> bool:
        """Never: the run ends for all at once."""
        return False

    def set_config(self, config: dict[str, float]) -> None:
        """Ray's name."""
        self.config = config
        self.segment += 1

    def set_experiment_tag(self, tag: str) -> None:
        """Ray's name."""
        self.experiment_tag = tag


class Controller:
    """What the scheduler asks of its controller."""

    search_alg = None

    def __init__(self, trials: list[Trial]) -> None:
        self._trials = trials

    def get_trials(self) -> list[Trial]:
        """All of them."""
        return self._trials

    get_live_trials = get_trials

    def pause_trial(self, trial: Trial, *, should_checkpoint: bool) -> None:
        """Pause it; the scheduler says from where it goes on."""
        if should_checkpoint:
            trial.save()
        trial.status = RayTrial.PAUSED

    def _schedule_trial_save(self, trial: Trial, result: object) -> Saved:
        del result
        return trial.save()


def population(lrs: list[float], seed: int, wishes: argparse.Namespace, *, synch: bool) -> float:
    """The best accuracy at the end."""
    random.seed(seed)
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        metric="accuracy",
        mode="max",
        perturbation_interval=wishes.interval,
        hyperparam_mutations={"lr": uniform(*LR_DOMAIN)},
        log_config=False,
        synch=synch,
    )
    trials = [Trial(index, {"lr": lr}) for index, lr in enumerate(lrs)]
    controller = Controller(trials)
    for trial in trials:
        scheduler.on_trial_add(controller, trial)
    for now in range(wishes.interval, wishes.total + 1, wishes.interval):
        for trial in trials:
            address = (seed, trial.index, trial.segment, trial.step)
            stream = random.Random(repr(address))
            for _ in range(wishes.interval):
                trial.accuracy = stepped(trial.accuracy, trial.config["lr"], stream.random())
            trial.step += wishes.interval
        if now < wishes.total:
            _heard(scheduler, controller)
    return max(trial.accuracy for trial in trials)


def _heard(scheduler: PopulationBasedTraining, controller: Controller) -> None:
    """All report; then those who were paused go on from where the scheduler wants them to."""
    for trial in controller.get_trials():
        result = {"accuracy": trial.accuracy, "training_iteration": trial.step}
        decision = scheduler.on_trial_result(controller, trial, result)
        if decision == TrialScheduler.PAUSE:
            controller.pause_trial(trial, should_checkpoint=True)
    for trial in controller.get_trials():
        if trial.status == RayTrial.PAUSED:
            saved = trial.checkpoint
            trial.accuracy, trial.step = (0.0, 0) if saved is None else (saved.accuracy, saved.step)
            trial.status = RayTrial.RUNNING


def main() -> None:
    """All seeds of a file of first configs, asynchronous and synchronous."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="the CSV")
    parser.add_argument("--configs", type=Path, required=True, help="JSON: rates by seed")
    parser.add_argument("--interval", type=int, required=True)
    parser.add_argument("--total", type=int, required=True)
    given = parser.parse_args()
    logging.getLogger("ray.tune").setLevel(logging.WARNING)
    configs = json.loads(given.configs.read_text())
    with given.out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["ray", "interval", "synch", "seed", "accuracy"])
        for synch in (False, True):
            for seed, lrs in configs.items():
                accuracy = population(lrs, int(seed), given, synch=synch)
                writer.writerow([ray.__version__, given.interval, synch, seed, f"{accuracy:.7g}"])


if __name__ == "__main__":
    main()
