"""Values that users bring: plain data, numpy's scalars, and names for what can't be stored."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard, cast

import msgspec

PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_PASSWORD: Final = re.compile(r"passw|passphrase|(?<![a-z])pwd(?![a-z])", re.IGNORECASE)
_SECRET: Final = re.compile(
    r"secret|token(?!i[sz])|api_?key|credential|private_?key|access_?key|auth(?!or(?!i))|bearer|"
    + _PASSWORD.pattern,
    re.IGNORECASE,
)
"""Not "tokenizer", and not "author"."""


class Ref(msgspec.Struct, frozen=True):
    """Stands in a config for an object of the user's that JSON can't hold: a class, a data set.

    ``path`` is where in the search space the object was found.
    """

    path: str


def is_dict(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a value is a dict, of any keys; a type checker then takes them for text."""
    return isinstance(value, dict)


def is_plain_dict(value: object) -> TypeGuard[dict[str, object]]:
    """As ``is_dict``, and no subclass: one could hand out other items than it holds."""
    return type(value) is dict


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether a value is a list and no subclass of it."""
    return type(value) is list


def is_tuple(value: object) -> TypeGuard[tuple[object, ...]]:
    """Whether a value is a tuple and no subclass of it, such as a named tuple."""
    return type(value) is tuple


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
    if is_dict(value):
        return {key: resolved(item, objects) for key, item in value.items()}
    if is_list(value):
        return [resolved(item, objects) for item in value]
    if is_tuple(value):
        return tuple(resolved(item, objects) for item in value)
    return value


def is_secret_name(path: str) -> bool:
    """Whether a '/'-joined path has a name in it that secrets go by."""
    return _SECRET.search(path) is not None


def looks_secret(path: str, value: object) -> bool:
    """Whether a value is text under a name that secrets go by, or inside of one.

    Numbers are none, as in ``max_tokens``, but for passwords.
    """
    if isinstance(value, (str, bytes)):
        return is_secret_name(path)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and _PASSWORD.search(path) is not None


def stored(value: object, path: str, objects: dict[str, object]) -> object:  # noqa: PLR0911  one a type
    """A value as it can be stored: plain, with a ``Ref`` for each object and each secret.

    Args:
        value: A config or a part of it.
        path: Where it stands, '/'-joined.
        objects: Gets the objects by path; one that is there already keeps its name.
    """
    if looks_secret(path, value):
        return _named(value, path, objects)
    if type(value) in PLAIN or isinstance(value, Ref):
        return value
    if is_numpy_scalar(value):
        return unboxed(value)
    if is_plain_dict(value) and all(type(key) is str for key in value):
        return {key: stored(item, f"{path}/{key}", objects) for key, item in value.items()}
    if is_list(value):
        return [stored(item, f"{path}/{at}", objects) for at, item in enumerate(value)]
    if is_tuple(value):
        return tuple(stored(item, f"{path}/{at}", objects) for at, item in enumerate(value))
    return _named(value, path, objects)


def _named(value: object, path: str, objects: dict[str, object]) -> Ref:
    for name, known in objects.items():
        if known is value:
            return Ref(name)
    objects[path] = value
    return Ref(path)
