"""What the methods of early stopping have in common: configs stay as they are, bad trials end."""

from abc import abstractmethod
from typing import Final

from pbtune.core.experiment import Experiment
from pbtune.core.objective import Objective
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.trial import Config, Trial

FILLED_IN: Final = frozenset({"training_iteration", "time_total_s"})


class AbstractEarlyStopping(AbstractScheduler, frozen=True):
    """Ends trials that are worse than others were at the same progress.

    Args:
        attr: The reported key that progress is counted in; it only grows.
    """

    attr: str = "training_iteration"

    @property
    def time_attr(self) -> str:
        """See the base class."""
        return self.attr

    def needed(self, objective: Objective) -> tuple[tuple[str, str], ...]:
        """Metric and time attribute: without them a trial could never be judged."""
        name = type(self).__name__
        needed = [(key, by) for key, by in ((objective.metric, f"{name} judges by"),) if key]
        if self.attr not in FILLED_IN:
            needed.append((self.attr, f"{name} counts progress in"))
        return tuple(needed)

    @property
    def wants_checkpoints(self) -> bool:
        """It doesn't: trials train on, or end."""
        return False

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The sampled config as it is."""
        del trial, objective
        return config

    @abstractmethod
    def may_yield(self, experiment: Experiment, trial: Trial) -> bool:
        """See the base class: these methods rank nobody, so each says it by itself."""
