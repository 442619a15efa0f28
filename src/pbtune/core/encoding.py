"""Configs as points that a model can compare: numbers in [0, 1], and categories by their index."""

import copy
import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, cast

import msgspec

from pbtune.core.space import Categorical, Float, Integer
from pbtune.core.trial import Config
from pbtune.core.values import is_dict, is_list, is_tuple
from pbtune.errors import SpaceTypeError

UNKNOWN: Final = -1
"""The index of a value that is none of the categories: it is like none of them."""
MIDDLE: Final = 0.5


class Point(msgspec.Struct, frozen=True):
    """A config's mutated hyperparameters; the others are left out."""

    numbers: tuple[float, ...] = ()
    categories: tuple[int, ...] = ()


class Dimension(msgspec.Struct, frozen=True):
    """One hyperparameter: its '/'-joined path, and what it may be.

    Ordered categories are positions on a line, so that neighbours are alike.
    """

    path: str
    domain: Float | Integer | Categorical

    @property
    def is_category(self) -> bool:
        """Whether two values are only equal or not."""
        return isinstance(self.domain, Categorical) and not self.domain.is_ordered


def dimensions(bounds: Mapping[str, object], prefix: str = "") -> tuple[Dimension, ...]:
    """The hyperparameters of a model's search space, nested as configs are.

    Raises:
        SpaceTypeError: If one has no bounds and no categories.
    """
    found: list[Dimension] = []
    for key, space in bounds.items():
        path = f"{prefix}{key}"
        if isinstance(space, (Float, Integer, Categorical)):
            found.append(Dimension(path, space))
        elif is_list(space) or is_tuple(space):
            found.append(Dimension(path, Categorical(tuple(space))))
        elif is_dict(space):
            found += dimensions(space, f"{path}/")
        else:
            message = (
                f"a model needs bounds or categories for {path!r}, not {space!r}: give it"
                f" [low, high], tune.loguniform(low, high), tune.randint or tune.choice"
            )
            raise SpaceTypeError(message)
    return tuple(found)


def encoded(config: Config, space: Sequence[Dimension]) -> Point:
    """The point of a config; a value that can't be placed is in the middle, or unknown."""
    numbers: list[float] = []
    categories: list[int] = []
    for dimension in space:
        value = _found(config, dimension.path)
        domain = dimension.domain
        if isinstance(domain, Categorical):
            known = value in domain.categories
            at = domain.categories.index(value) if known else UNKNOWN
            if dimension.is_category:
                categories.append(at)
            else:
                last = max(len(domain.categories) - 1, 1)
                numbers.append(at / last if known else MIDDLE)
        else:
            numbers.append(_unit(value, domain))
    return Point(tuple(numbers), tuple(categories))


def decoded(point: Point, config: Config, space: Sequence[Dimension]) -> Config:
    """A config with a point's values in place of its own."""
    new = copy.deepcopy(config)
    numbers, categories = iter(point.numbers), iter(point.categories)
    for dimension in space:
        domain = dimension.domain
        if isinstance(domain, Categorical):
            last = len(domain.categories) - 1
            at = next(categories) if dimension.is_category else round(next(numbers) * last)
            value: object = domain.categories[min(max(at, 0), last)]
        else:
            value = _value(next(numbers), domain)
        _put(new, dimension.path, value)
    return new


def drawn(rng: Random, config: Config, space: Sequence[Dimension]) -> Config:
    """A config with every value of the space drawn anew."""
    new = copy.deepcopy(config)
    for dimension in space:
        _put(new, dimension.path, dimension.domain.draw(rng))
    return new


def _unit(value: object, domain: Float | Integer) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return MIDDLE
    lower, upper = float(domain.lower), float(domain.upper)
    number = min(max(float(value), lower), upper)
    if lower == upper:
        return MIDDLE
    if domain.is_log:
        lower, upper, number = math.log(lower), math.log(upper), math.log(number)
    return (number - lower) / (upper - lower)


def _value(unit: float, domain: Float | Integer) -> float:
    lower, upper = float(domain.lower), float(domain.upper)
    if domain.is_log:
        lower, upper = math.log(lower), math.log(upper)
    number = lower + unit * (upper - lower)
    return domain.clip(math.exp(number) if domain.is_log else number)


def _found(config: object, path: str) -> object:
    for key in path.split("/"):
        config = config.get(key) if is_dict(config) else None
    return config


def _put(config: Config, path: str, value: object) -> None:
    *parents, last = path.split("/")
    for key in parents:
        config = cast("Config", config.setdefault(key, {}))
    config[last] = value
