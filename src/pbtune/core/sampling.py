"""From a search space to the first configs of a population.

The order is Tune's: the whole grid, ``num_samples`` times; grid keys sorted by path, the first one
changes fastest.
"""

import inspect
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from pbtune.core.rng import rng_for
from pbtune.core.space import GRID, Function, UserCalls, is_domain, is_grid
from pbtune.core.trial import Config
from pbtune.core.values import is_dict, is_list, is_tuple
from pbtune.errors import SpaceError

_PASSES_MAX: Final = 20
_MISSING: Final = object()


class Variant(msgspec.Struct, frozen=True):
    """One member's first config, and which of its values were drawn, by '/'-joined path."""

    config: Config
    evaluated: dict[str, object]


def variants(
    param_space: Mapping[str, object], num_samples: int, seed: int, user_calls: UserCalls
) -> Iterator[Variant]:
    """All members of a population, in order.

    Raises:
        SpaceError: If functions of the config depend on each other in a circle.
    """
    places = dict(_places(param_space, ()))
    grids = sorted(path for path, value in places.items() if is_grid(value))
    values = [cast("dict[str, list[object]]", places[path])[GRID] for path in reversed(grids)]
    index = 0
    for _ in range(num_samples):
        for combination in itertools.product(*values):
            chosen = dict(zip(reversed(grids), combination, strict=True))
            yield _variant(param_space, places, chosen, (seed, f"t{index}", user_calls))
            index += 1


Path = tuple[str | int, ...]


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


def _computed(
    function: Function, so_far: dict[str, object], where: str, user_calls: UserCalls
) -> object:
    """What the function gives; a marker if it asked for a value that isn't drawn yet."""
    try:
        takes_config = bool(inspect.signature(function.function).parameters)
    except (TypeError, ValueError):
        # A builtin without a signature is called as Tune does, with the config.
        takes_config = True
    try:
        return user_calls.call(function.function, (so_far,) if takes_config else (), where)
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
