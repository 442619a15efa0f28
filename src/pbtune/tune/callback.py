# ruff: noqa: B027  every hook is optional
"""What a callback is: hooks that are told what happens in a run."""

from abc import ABC
from typing import Any

from pbtune.reporting.observed import ObservedTrial
from pbtune.tune.places import elsewhere

Trials = list[ObservedTrial]


class Callback(ABC):  # noqa: B024  a base class with nothing left open
    """Watches a run. Subclass it, and pass instances as ``RunConfig(callbacks=[...])``.

    Hooks are called after the fact is stored, on a thread beside the training, in Tune's order:
    ``setup``, then per step ``on_step_begin``, the trials' hooks, ``on_step_end``, and at last
    ``on_experiment_end``. A restart of a trial, after a pause or a copy too, is an
    ``on_trial_start``; one with a checkpoint also an ``on_trial_restore``.

    A callback can change nothing: trials and results are its own copies. One that raises is
    reported once and called no more, unless it sets ``stop_on_error``.

    Attributes:
        stop_on_error: Whether an exception in a hook ends the run, so that ``fit`` raises it. The
            run can be resumed.
    """

    stop_on_error: bool = False

    def setup(
        self,
        stop: object = None,
        num_samples: int | None = None,
        total_num_samples: int | None = None,
        **info: object,
    ) -> None:
        """Called once, before the first trial starts."""

    def on_step_begin(self, iteration: int, trials: Trials, **info: object) -> None:
        """Called before what was stored together is told."""

    def on_step_end(self, iteration: int, trials: Trials, **info: object) -> None:
        """Called after it; ``iteration`` has counted up by then."""

    def on_trial_start(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """Called at each start of a trial, with the config that it starts with."""

    def on_trial_restore(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """Called after ``on_trial_start``, if the trial goes on from a checkpoint."""

    def on_trial_save(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """Called after ``on_checkpoint``."""

    def on_trial_result(
        self,
        iteration: int,
        trials: Trials,
        trial: ObservedTrial,
        result: dict[str, Any],
        **info: object,
    ) -> None:
        """Called for each report, streamed ones too, with the keys that Tune fills in."""

    def on_trial_complete(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """Called when a trial has ended well."""

    def on_trial_recover(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """Called when a trial has failed, and is tried again."""

    def on_trial_error(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """Called when a trial has failed for good."""

    def on_checkpoint(
        self,
        iteration: int,
        trials: Trials,
        trial: ObservedTrial,
        checkpoint: Any,  # noqa: ANN401  a Checkpoint; its class is not needed here
        **info: object,
    ) -> None:
        """Called when a trial has saved a checkpoint, after its ``on_trial_result``."""

    def on_experiment_end(self, trials: Trials, **info: object) -> None:
        """Called once, after everything else."""

    def get_state(self) -> dict[str, Any] | None:
        """For scripts that override it; what a callback remembers isn't stored."""
        return None

    def set_state(self, state: dict[str, Any]) -> None:
        """For scripts that override it; never called."""


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
