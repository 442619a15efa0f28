"""``BasicVariantGenerator``: grid and random search, Tune's default."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast, final

from pbtune.core.domain import AbstractDomain
from pbtune.core.sampling import Initial, overlaid
from pbtune.core.space import GRID, is_grid
from pbtune.core.values import stored
from pbtune.tune.draws import generator
from pbtune.tune.places import elsewhere
from pbtune.tune.search.base import AbstractSearcher, Wanted, checked_limit, checked_points

SEED_BITS: Final = 32


@final
class BasicVariantGenerator(AbstractSearcher):
    """Draws the first members from the search space, after the points that you name.

    Args:
        points_to_evaluate: Configs, or parts of configs, that are tried first. Each takes the place
            of one of ``num_samples``; what it leaves open is drawn, and a grid is still searched.
        max_concurrent: At most so many trials train at once; 0 for no limit.
        constant_grid_search: Whether all points of a grid share a sample's other values.
        random_state: The run's seed, or a numpy generator that it is drawn from, where
            ``TuneConfig(seed=...)`` names none.

    Raises:
        SettingsError: If a value is not of its kind.
    """

    def __init__(
        self,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        max_concurrent: int = 0,
        constant_grid_search: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
        random_state: object = None,
    ) -> None:
        self.points_to_evaluate = checked_points(points_to_evaluate)
        self.max_concurrent = checked_limit(max_concurrent)
        self.constant_grid_search = constant_grid_search
        # As it is given: a plain seed is the run's seed, so that both spellings give one run.
        if random_state is None or type(random_state) is int:
            self.seed = cast("int | None", random_state)
        else:
            self.seed = generator(random_state).getrandbits(SEED_BITS)

    def initial(self, wanted: Wanted) -> Initial:
        """See the base class."""
        points = stored_points(self.points_to_evaluate, wanted)
        return Initial(points, self.constant_grid_search)


def stored_points(
    points: Sequence[Mapping[str, object]], wanted: Wanted
) -> tuple[dict[str, object], ...]:
    """Points as they can be stored; a warning names values that the space doesn't have.

    Raises:
        SpaceError: If a point has a key that the space lacks.
    """
    found: list[dict[str, object]] = []
    for point in points:
        plain = cast("dict[str, object]", stored(dict(point), "points_to_evaluate", wanted.objects))
        space = overlaid(wanted.space, plain, "")
        for path, domain, value in _odd(wanted.space, space, ""):
            message = f"points_to_evaluate has {path} = {value!r}, which lies outside {domain}"
            warnings.warn(message, UserWarning, stacklevel=2)
        found.append(plain)
    return tuple(found)


def _odd(space: object, overlaid_space: object, path: str) -> Iterator[tuple[str, str, object]]:
    """Where a point gave a value that the space wouldn't: its path, the domain, and the value."""
    if space is overlaid_space:
        return
    if isinstance(space, AbstractDomain):
        if not space.is_valid(overlaid_space):
            yield path, space.domain_str, overlaid_space
    elif is_grid(space):
        choices = cast("dict[str, list[object]]", space)[GRID]
        if overlaid_space not in choices:
            yield path, str(choices), overlaid_space
    elif isinstance(space, Mapping) and isinstance(overlaid_space, Mapping):
        values = cast("Mapping[str, object]", overlaid_space)
        for key, item in cast("Mapping[str, object]", space).items():
            yield from _odd(item, values[key], f"{path}/{key}" if path else key)
    elif space != overlaid_space:
        yield path, repr(space), overlaid_space


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
