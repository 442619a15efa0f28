"""What ``TuneConfig(search_alg=...)`` may be: something that chooses the first members."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pbtune.core.sampling import Initial
from pbtune.errors import SettingsError

LIMIT: Final = "max_concurrent_trials"


class Wanted(msgspec.Struct, frozen=True):
    """What first members are asked for.

    ``space`` has names in place of objects that can't be stored; ``objects`` are those, by
    path, and gets the ones that a searcher brings.
    """

    space: Mapping[str, object]
    objects: dict[str, object]
    num_samples: int
    seed: int
    mode: str | None = None


class AbstractSearcher(ABC):
    """Chooses the first members of a population; from then on the scheduler decides.

    Attributes:
        metric: The metric to optimise, if it is named here and not in TuneConfig.
        mode: "max" or "min"; likewise.
        max_concurrent: At most so many trials train at once; 0 for no limit.
        seed: The run's seed, if TuneConfig has none.
    """

    metric: str | None = None
    mode: str | None = None
    max_concurrent: int = 0
    seed: int | None = None

    @abstractmethod
    def initial(self, wanted: Wanted) -> Initial:
        """The first members.

        Raises:
            SettingsError: If they can't be chosen from this space.
        """


def checked_points(points: object) -> list[dict[str, object]]:
    """``points_to_evaluate`` as a list of configs.

    Raises:
        SettingsError: If it is none.
    """
    given = [] if points is None else points
    if not isinstance(given, (list, tuple)) or not all(isinstance(it, Mapping) for it in given):
        message = (
            f"points_to_evaluate must be a list of configs, such as [{{'lr': 0.1}}], not {points!r}"
        )
        raise SettingsError(message)
    return [dict(point) for point in given]


def checked_limit(max_concurrent: object) -> int:
    """``max_concurrent`` as an int >= 0.

    Raises:
        SettingsError: If it is none.
    """
    if not isinstance(max_concurrent, int) or max_concurrent < 0:
        message = f"max_concurrent must be an int >= 0, where 0 is no limit, not {max_concurrent!r}"
        raise SettingsError(message)
    return int(max_concurrent)


def agreed(search_alg: object, name: str, given: Any) -> Any:  # noqa: ANN401  any setting
    """A setting of TuneConfig's that a searcher may bring instead.

    Raises:
        SettingsError: If both name it and differ, or ``search_alg`` is no searcher of pbtune's.
    """
    if search_alg is None:
        return given
    if not isinstance(search_alg, AbstractSearcher):
        message = (
            f"search_alg must be one of pbtune.tune.search, not {type(search_alg).__module__}."
            f"{type(search_alg).__qualname__}"
        )
        raise SettingsError(message)
    theirs = (search_alg.max_concurrent or None) if name == LIMIT else getattr(search_alg, name)
    if given is not None and theirs is not None and given != theirs:
        message = f"{name} is given twice: to TuneConfig and to search_alg. Leave one out."
        raise SettingsError(message)
    return theirs if given is None else given
