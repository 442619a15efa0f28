"""Values that users bring: plain data, numpy's scalars, and names for what can't be stored."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

PLAIN: Final = frozenset({str, int, float, bool, type(None)})


class Ref(msgspec.Struct, frozen=True):
    """Stands in a config for an object of the user's that JSON can't hold: a class, a data set.

    ``path`` is where in the search space the object was found.
    """

    path: str


def is_numpy_scalar(value: object) -> bool:
    """Whether a value is one of numpy's scalars; numpy need not be imported."""
    return type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0


def unboxed(value: object) -> object:
    """The value, or the plain number in one of numpy's scalars."""
    return cast("Any", value).item() if is_numpy_scalar(value) else value


def resolved(value: object, objects: Mapping[str, object]) -> object:
    """A config with the user's own objects in the places that name them."""
    if isinstance(value, Ref):
        return objects[value.path]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: resolved(item, objects) for key, item in items}
    if isinstance(value, list):
        return [resolved(item, objects) for item in cast("list[object]", value)]
    if type(value) is tuple:
        return tuple(resolved(item, objects) for item in cast("tuple[object, ...]", value))
    return value


def stored(value: object, path: str, objects: dict[str, object]) -> object:
    """A value as it can be stored: plain, with a ``Ref`` for each object.

    Args:
        value: A config or a part of it.
        path: Where it stands, '/'-joined.
        objects: Gets the objects by path; one that is there already keeps its name.
    """
    if type(value) in PLAIN or isinstance(value, Ref):
        return value
    if is_numpy_scalar(value):
        return unboxed(value)
    if type(value) is dict:
        items = cast("dict[object, object]", value)
        if all(isinstance(key, str) for key in items):
            return {key: stored(item, f"{path}/{key}", objects) for key, item in items.items()}
    if type(value) is list or type(value) is tuple:
        parts = [
            stored(item, f"{path}/{at}", objects)
            for at, item in enumerate(cast("list[object]", value))
        ]
        return parts if type(value) is list else tuple(parts)
    for name, known in objects.items():
        if known is value:
            return Ref(name)
    objects[path] = value
    return Ref(path)
