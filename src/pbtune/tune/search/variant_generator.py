"""Tune's place for ``grid_search``, and for looking at what a search space gives."""

from collections.abc import Iterator, Mapping
from typing import Any

from pbtune.core.sampling import Initial, variants
from pbtune.core.space import grid_search as grid_search
from pbtune.driver.user_calls import SeededCalls
from pbtune.errors import SpaceError as RecursiveDependencyError
from pbtune.tune.draws import generator
from pbtune.tune.placeholders import extract
from pbtune.tune.places import elsewhere

__all__ = ["RecursiveDependencyError", "generate_variants", "grid_search"]
_SEED_BITS = 32


def generate_variants(
    unresolved_spec: Mapping[str, Any],
    constant_grid_search: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    random_state: object = None,
) -> Iterator[tuple[dict[tuple[str, ...], Any], dict[str, Any]]]:
    """The configs of one sample of a search space: one, or the whole grid.

    Args:
        unresolved_spec: The search space.
        constant_grid_search: Whether all points of a grid share the drawn values.
        random_state: A seed, or something that one can be drawn from.

    Yields:
        What was drawn, by path, and the config.

    Raises:
        RecursiveDependencyError: If functions of the config depend on each other in a circle.
    """
    space, objects = extract(dict(unresolved_spec))
    seed = generator(random_state).getrandbits(_SEED_BITS)
    initial = Initial(is_grid_constant=constant_grid_search)
    for variant in variants(space, 1, seed, SeededCalls(objects), initial):
        drawn = {tuple(path.split("/")): value for path, value in variant.evaluated.items()}
        yield drawn, variant.config


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
