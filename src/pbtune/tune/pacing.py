"""A warning for runs that compare their members too often."""

import warnings

from pbtune.core.pacing import GENERATIONS_MANY, generation_count
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.population import AbstractPopulation
from pbtune.tune.execution import PbtuneWarning


def warn_of_many_generations(
    scheduler: AbstractScheduler, stop: tuple[tuple[str, float], ...]
) -> None:
    """Warn where a stop rule on ``time_attr`` leaves room for more than 100 generations.

    Args:
        scheduler: The core's scheduler.
        stop: The run's stop rules.
    """
    bound = dict(stop).get(scheduler.time_attr)
    if bound is None or not isinstance(scheduler, AbstractPopulation):
        return
    interval = scheduler.perturbation_interval
    count = generation_count(bound, interval, scheduler.growth)
    if count > GENERATIONS_MANY:
        text = (
            f"perturbation_interval={interval:g} compares every member {count} times until"
            f" {scheduler.time_attr} = {bound:g}: so many short generations favour what helps at"
            f" once over what helps in the end. {bound / 50:g} would give 50; or pass"
            f" interval_growth=10"
        )
        warnings.warn(text, PbtuneWarning, stacklevel=3)
