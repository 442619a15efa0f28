"""Warnings for runs that compare their members too often, or too seldom for what they compare."""

from pbtune.core.pacing import GENERATIONS_MANY, generation_count
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.ipbt import IPBT
from pbtune.core.schedulers.mf_pbt import MFPBT, ROUNDS_MIN
from pbtune.core.schedulers.population import AbstractPopulation
from pbtune.tune.warning import warn


def warn_of_many_generations(
    scheduler: AbstractScheduler, stop: tuple[tuple[str, float], ...], member_count: int
) -> None:
    """Warn where a stop rule on ``time_attr`` leaves room for more than 100 generations.

    IPBT is left alone: it begins with short intervals, and grows them. Of MF-PBT the longest period
    counts; it should also come up three times.

    Args:
        scheduler: The core's scheduler.
        stop: The run's stop rules.
        member_count: Members of the population.
    """
    bound = dict(stop).get(scheduler.time_attr)
    if bound is None or not isinstance(scheduler, AbstractPopulation):
        return
    text = None
    if isinstance(scheduler, MFPBT):
        text = _of_periods(scheduler, bound, member_count)
    elif not isinstance(scheduler, IPBT):
        text = _of_generations(scheduler, bound)
    if text is not None:
        warn(text)


def _of_generations(scheduler: AbstractPopulation, bound: float) -> str | None:
    interval = scheduler.perturbation_interval
    count = generation_count(bound, interval, scheduler.growth)
    if count <= GENERATIONS_MANY:
        return None
    return (
        f"perturbation_interval={interval:g} compares every member {count} times until"
        f" {scheduler.time_attr} = {bound:g}: so many short generations favour what helps at"
        f" once over what helps in the end. {bound / 50:g} would give 50; or pass"
        f" interval_growth=10"
    )


def _of_periods(scheduler: MFPBT, bound: float, member_count: int) -> str | None:
    longest = scheduler.periods(member_count)[-1]
    count = generation_count(bound, scheduler.perturbation_interval, scheduler.growth) // longest
    if count > GENERATIONS_MANY:
        return (
            f"MFPBT's slowest sub-population is compared {count} times until"
            f" {scheduler.time_attr} = {bound:g}: so many short generations favour what helps at"
            f" once over what helps in the end. Pass a longer perturbation_interval"
        )
    if longest > 1 and count < ROUNDS_MIN:
        return (
            f"MFPBT's slowest sub-population is compared {count} times until"
            f" {scheduler.time_attr} = {bound:g}, which is too seldom to look further ahead than"
            f" the others: pass budget={bound:g}, shorter frequencies or a shorter"
            f" perturbation_interval"
        )
    return None
