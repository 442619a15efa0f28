"""What the schedulers of this package have in common: checks, and short names for options."""

from collections.abc import Mapping
from typing import Final

from pbtune.core.pacing import Growth
from pbtune.core.selection import (
    AbstractSelection,
    BinaryTournament,
    GapThreshold,
    Truncation,
    TTest,
)
from pbtune.errors import SettingsError, SpaceError

SELECTIONS: Final[dict[str, AbstractSelection]] = {
    "truncation": Truncation(),
    "tournament": BinaryTournament(),
    "t-test": TTest(),
    "gap": GapThreshold(),
}
STAGNATION: Final = "stagnation"
STAGNATION_PATIENCE: Final = 5


def check(name: str, value: object, is_good: bool, expected: str) -> None:  # noqa: FBT001
    """Refuse a setting that is out of its range.

    Raises:
        SettingsError: If it is.
    """
    if not is_good:
        message = f"{name} must be {expected}, not {value!r}"
        raise SettingsError(message)


def selection_of(given: str | AbstractSelection) -> AbstractSelection:
    """A rule of selection, from its name or as it is.

    Raises:
        SettingsError: If there is no such rule.
    """
    if isinstance(given, AbstractSelection):
        return given
    found = SELECTIONS.get(given)
    if found is None:
        known = ", ".join(repr(name) for name in SELECTIONS)
        message = (
            f"selection must be one of {known}, or one of pbtune.tune.schedulers' structs such as"
            f" TTest(window=10), not {given!r}"
        )
        raise SettingsError(message)
    return found


def growth_of(given: str | int | Growth | None) -> Growth | None:
    """Interval growth: a struct, every so many generations, or on stagnation.

    Raises:
        SettingsError: If it is something else.
    """
    if given is None or isinstance(given, Growth):
        return given
    if given == STAGNATION:
        return Growth(patience=STAGNATION_PATIENCE)
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return Growth(every=given)
    message = (
        f'interval_growth must be a count of generations >= 1, "stagnation" or'
        f" IntervalGrowth(factor=2.0, every=...), not {given!r}"
    )
    raise SettingsError(message)


def check_population(
    perturbation_interval: float, burn_in_period: float, quantile_fraction: float
) -> None:
    """The ranges of what all methods have.

    Raises:
        SettingsError: If one is left.
    """
    check("perturbation_interval", perturbation_interval, perturbation_interval > 0, "> 0")
    check("burn_in_period", burn_in_period, burn_in_period >= 0, ">= 0")
    in_half = 0 <= quantile_fraction <= 0.5  # noqa: PLR2004  half of the population
    check("quantile_fraction", quantile_fraction, in_half, "in [0, 0.5]")


def check_has_mutations(name: str, mutations: Mapping[str, object]) -> None:
    """Refuse a search space in which nothing can change.

    Raises:
        SpaceError: If there is nothing.
    """
    if not mutations:
        message = (
            f"{name} has nothing to mutate: pass hyperparam_mutations, or put a domain such as"
            f" tune.loguniform(1e-4, 1e-1) into param_space"
        )
        raise SpaceError(message)
