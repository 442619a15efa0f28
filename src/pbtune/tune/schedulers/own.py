"""A scheduler of the user's, as ``TuneConfig(scheduler=...)`` takes it."""

from collections.abc import Mapping
from typing import final

from pbtune.tune.schedulers.base import AbstractScheduler, AbstractTuneScheduler


@final
class Custom(AbstractTuneScheduler):
    """A scheduler of the user's, which needs no search space to be complete."""

    needs_metric = False

    def __init__(self, scheduler: AbstractScheduler) -> None:
        self.scheduler = scheduler

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing that is known of."""
        del param_space
        return {}

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """Itself."""
        del param_space
        return self.scheduler


def as_typed(scheduler: AbstractTuneScheduler | AbstractScheduler) -> AbstractTuneScheduler:
    """What ``TuneConfig(scheduler=...)`` holds, with the settings that all of them have."""
    return Custom(scheduler) if isinstance(scheduler, AbstractScheduler) else scheduler
