"""From a search space to the first configs of a population.

The order is Tune's: the whole grid, ``num_samples`` times; grid keys sorted by path, the first one
changes fastest. Points to evaluate come first, and each takes the place of one sample.
"""

import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from pbtune.core.rng import rng_for
from pbtune.core.space import GRID, Function, UserCalls, is_domain, is_grid
from pbtune.core.trial import Config
from pbtune.core.values import is_dict, is_list, is_tuple
from pbtune.errors import SpaceError

_PASSES_MAX: Final = 20
_MISSING: Final = object()
Path = tuple[str | int, ...]


class Variant(msgspec.Struct, frozen=True):
    """One member's first config, and which of its values were drawn, by '/'-joined path."""

    config: Config
    evaluated: dict[str, object]


class Initial(msgspec.Struct, frozen=True):
    """What is asked of the first members, besides the search space.

    Each of ``points`` is a config or a part of one; what it leaves open is drawn. With
    ``is_grid_constant`` all points of one sample's grid share that sample's other values.
    """

    points: tuple[dict[str, object], ...] = ()
    is_grid_constant: bool = False


def variants(
    param_space: Mapping[str, object],
    num_samples: int,
    seed: int,
    user_calls: UserCalls,
    initial: Initial | None = None,
) -> Iterator[Variant]:
    """All members of a population, in order.

    Raises:
        SpaceError: If functions of the config depend on each other in a circle, or a point has a
            key that the space lacks.
    """
    initial = initial or Initial()
    original = dict(_places(param_space, ()))
    index = 0
    for sample in range(max(num_samples, len(initial.points))):
        point = initial.points[sample] if sample < len(initial.points) else {}
        space = overlaid(param_space, point, "")
        places = dict(_places(space, ()))
        first = index
        for chosen in _grid(places):
            trial = f"t{first if initial.is_grid_constant else index}"
            variant = _variant(space, places, chosen, (seed, trial, user_calls))
            given = {path: _at(variant.config, path) for path in original if path not in places}
            texts = {_text(path): it for path, it in given.items() if it is not _MISSING}
            yield Variant(variant.config, {**texts, **variant.evaluated}) if texts else variant
            index += 1


def overlaid(
    space: Mapping[str, object], point: Mapping[str, object], at: str
) -> dict[str, object]:
    """A search space with a point's values in the places that they are for.

    Args:
        space: The search space, or a part of it.
        point: The values; a key may be a '/'-joined path.
        at: Where the part stands, for messages.

    Raises:
        SpaceError: If the space lacks a key of the point.
    """
    result = dict(space)
    for key, value in point.items():
        name, _, rest = (key, "", "") if key in result else key.partition("/")
        if name not in result:
            has = ", ".join(map(repr, space)) or "nothing"
            message = f"points_to_evaluate has {at + key!r}, which param_space lacks; it has {has}"
            raise SpaceError(message)
        inner = {rest: value} if rest else value
        before = result[name]
        if is_dict(inner) and is_dict(before) and not is_grid(before):
            result[name] = overlaid(before, inner, f"{at}{name}/")
        elif rest:
            message = f"points_to_evaluate has {at + key!r}, but {at + name!r} is no dict"
            raise SpaceError(message)
        else:
            result[name] = inner
    return result


def _places(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Where in the space something has to be drawn."""
    if is_domain(value) or is_grid(value):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            yield from _places(item, (*path, key))
    elif is_list(value) or is_tuple(value):
        for at, item in enumerate(value):
            yield from _places(item, (*path, at))


def _grid(places: Mapping[Path, object]) -> Iterator[dict[Path, object]]:
    """The points of the grid, in Tune's order; one without values if there is no grid."""
    grids = sorted(path for path, value in places.items() if is_grid(value))
    values = [cast("dict[str, list[object]]", places[path])[GRID] for path in reversed(grids)]
    for combination in itertools.product(*values):
        yield dict(zip(reversed(grids), combination, strict=True))


def _at(config: object, path: Path) -> object:
    """What a config has in a place; a marker if a point has given it another shape."""
    for key in path:
        if isinstance(key, int):
            is_there = (is_list(config) or is_tuple(config)) and key < len(config)
        else:
            is_there = is_dict(config) and key in config
        if not is_there:
            return _MISSING
        config = cast("dict[object, object]", config)[key]
    return config


def _variant(
    space: Mapping[str, object],
    places: Mapping[Path, object],
    chosen: Mapping[Path, object],
    address: tuple[int, str, UserCalls],
) -> Variant:
    seed, trial, user_calls = address
    drawn: dict[Path, object] = dict(chosen)
    functions: dict[Path, Function] = {}
    for path, value in places.items():
        if isinstance(value, Function):
            functions[path] = value
        elif path not in chosen:
            drawn[path] = cast("Any", value).draw(rng_for(seed, "sample", trial, _text(path)))
    for _ in range(_PASSES_MAX):
        if not functions:
            break
        for path, function in list(functions.items()):
            so_far = cast("dict[str, object]", _filled(space, (), drawn))
            where = f"{seed}/sample/{trial}/{_text(path)}"
            value = _computed(function, so_far, where, user_calls)
            if value is not _MISSING:
                drawn[path] = value
                del functions[path]
    if functions:
        names = ", ".join(repr(_text(path)) for path in functions)
        message = f"tune.sample_from of {names}: these values wait for each other"
        raise SpaceError(message)
    config = cast("Config", _plain(_filled(space, (), drawn)))
    ordered = {path: drawn[path] for path in places}
    return Variant(config, {_text(path): value for path, value in ordered.items()})


def _text(path: Path) -> str:
    return "/".join(map(str, path))


def _filled(value: object, path: Path, drawn: Mapping[Path, object]) -> object:
    if path in drawn:
        return drawn[path]
    if is_domain(value):
        return _MISSING
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return Partial({key: _filled(item, (*path, key), drawn) for key, item in items})
    if is_list(value):
        return [_filled(item, (*path, at), drawn) for at, item in enumerate(value)]
    if is_tuple(value):
        return tuple(_filled(item, (*path, at), drawn) for at, item in enumerate(value))
    return value


def _plain(value: object) -> object:
    if is_dict(value):
        return {key: _plain(item) for key, item in value.items()}
    if is_list(value):
        return [_plain(item) for item in value]
    if is_tuple(value):
        return tuple(_plain(item) for item in value)
    return value


def takes_config(function: Callable[..., object]) -> bool:
    """Whether a ``sample_from`` function wants the config, or nothing."""
    try:
        return bool(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        # A builtin without a signature is called as Tune does, with the config.
        return True


def _computed(
    function: Function, so_far: dict[str, object], where: str, user_calls: UserCalls
) -> object:
    """What the function gives; a marker if it asked for a value that isn't drawn yet."""
    args = (so_far,) if takes_config(function.function) else ()
    try:
        return user_calls.call(function.function, args, where)
    except _NotDrawnYet:
        return _MISSING


class _NotDrawnYet(Exception):
    """A function read a value that another function has yet to give."""


class Partial(dict[str, Any]):
    """A config as far as it is drawn; ``spec.config.lr``, Tune's older spelling, works too."""

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  whatever the user put there
        value = super().__getitem__(key)
        if value is _MISSING:
            raise _NotDrawnYet
        return value

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        """The value under a key, as ``dict.get``."""
        return self[key] if key in self else default  # noqa: SIM401  by way of the guard

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name in self:
            return self[name]
        if name == "config":
            return self
        raise AttributeError(name)


def grid_count(space: object) -> int:
    """How many points the grid searches of a search space have together."""
    if is_grid(space):
        return len(cast("dict[str, list[object]]", space)[GRID])
    parts: Iterable[object] = ()
    if is_dict(space):
        parts = space.values()
    elif is_list(space) or is_tuple(space):
        parts = space
    return math.prod(map(grid_count, parts))
