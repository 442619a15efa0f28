"""What ``RunConfig(stop=...)`` may be, and what becomes of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, cast

from pbtune.errors import SettingsError
from pbtune.tune.stopper.function_stopper import Function, FunctionStopper
from pbtune.tune.stopper.noop import NoopStopper
from pbtune.tune.stopper.stopper import CombinedStopper, Stopper
from pbtune.tune.stopper.timeout import TimeoutStopper

Bounds = tuple[tuple[str, float], ...]
_BLIND: Final = (TimeoutStopper, NoopStopper)


def bounds_of(stop: object) -> Bounds:
    """``stop`` as pairs of key and bound; none if it isn't a dict.

    Raises:
        SettingsError: If it is a dict of something else than numbers.
    """
    if not isinstance(stop, Mapping):
        return ()
    bounds = cast("Mapping[str, object]", stop)
    for key, bound in bounds.items():
        if not isinstance(bound, (int, float)) or bound != bound:  # noqa: PLR0124  NaN
            message = f"stop[{key!r}] must be a number that {key} has to reach, not {bound!r}"
            raise SettingsError(message)
    return tuple((key, float(cast("float", bound))) for key, bound in bounds.items())


def stopper_of(stop: object, time_budget_s: float | timedelta | None) -> Stopper | None:
    """The stopper that ``stop`` and a time budget make; None if neither needs one.

    Raises:
        SettingsError: If ``stop`` is nothing that can stop.
    """
    stopper = _stopper(stop)
    if not time_budget_s:
        return stopper
    timeout = TimeoutStopper(time_budget_s)
    return timeout if stopper is None else CombinedStopper(stopper, timeout)


def _stopper(stop: object) -> Stopper | None:
    if stop is None or isinstance(stop, Mapping):
        return None
    if isinstance(stop, Stopper):
        return stop
    if isinstance(stop, (list, tuple)):
        return _combined(cast("list[object]", list(stop)))
    if FunctionStopper.is_valid_function(stop):
        return FunctionStopper(cast("Function", stop))
    message = (
        f"stop must be a dict like {{'training_iteration': 100}}, a function of (trial_id, result),"
        f" a tune.Stopper or a list of them, not {type(stop).__name__}"
    )
    raise SettingsError(message)


def _combined(stoppers: list[object]) -> Stopper | None:
    wrong = [type(it).__name__ for it in stoppers if not isinstance(it, Stopper)]
    if wrong:
        message = f"a list as stop must hold instances of tune.Stopper, not {', '.join(wrong)}"
        raise SettingsError(message)
    return CombinedStopper(*cast("list[Stopper]", stoppers)) if stoppers else None


def sees_reports(stopper: Stopper) -> bool:
    """Whether a stopper has to be asked about reports, and not only about the run."""
    if isinstance(stopper, CombinedStopper):
        return any(sees_reports(it) for it in stopper.stoppers)
    return not isinstance(stopper, _BLIND)
