"""What of a search space can't be stored, and the names that stand for it.

Configs are journalled as JSON. A value that JSON can't hold (a class, a data set, an array) stays
with the function that goes to the workers; configs name it by its path, and workers put it back.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast, final

from pbtune.core.space import GRID, Categorical, Float, Integer, Normal, is_domain, is_grid
from pbtune.core.values import Ref, is_secret_name, looks_secret, stored

MASK: Final = "***"


def extract(param_space: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Split a search space into what can be stored and what can't.

    Returns:
        The space with ``Ref(path)`` in place of objects, and the objects by path.
    """
    objects: dict[str, object] = {}
    # A secret is an object like any other: it goes to the workers, and never into the journal.
    space = {key: _storable(value, str(key), objects) for key, value in param_space.items()}
    return space, objects


def without_secrets(space: object, path: str = "") -> Any:  # noqa: ANN401  as what it is given
    """A search space without what is under names that secrets go by, to be kept on the disk.

    Plain numbers stay: ``max_tokens`` is no secret.
    """
    if isinstance(space, Categorical):
        categories = tuple(without_secrets(item, path) for item in space.categories)
        return Categorical(categories, space.is_ordered)
    if type(space) is list:
        return [without_secrets(item, path) for item in cast("list[object]", space)]
    if type(space) is tuple:
        return tuple(without_secrets(item, path) for item in cast("tuple[object, ...]", space))
    if type(space) is not dict:
        return space
    items = cast("dict[object, object]", space).items()
    return {
        key: without_secrets(item, f"{path}/{key}")
        for key, item in items
        if not _is_hidden(f"{path}/{key}", item)
    }


def _is_hidden(path: str, value: object) -> bool:
    """Whether anything of a value may not be written: text, or what could be made of some."""
    if not is_secret_name(path) or isinstance(value, (Float, Integer, Normal)):
        return False
    if isinstance(value, Categorical):
        return any(_is_hidden(path, item) for item in value.categories)
    return looks_secret(path, value) or not isinstance(value, (int, float, type(None)))


@final
class Masked(Mapping[str, object]):
    """The user's objects as loggers may see them: what looks like a secret is ``MASK``.

    Args:
        objects: By path; those that are added later are seen too.
    """

    def __init__(self, objects: Mapping[str, object]) -> None:
        self._objects = objects

    def __getitem__(self, path: str) -> object:
        """The object, or what may be seen of it."""
        return _masked(self._objects[path], path)

    def __iter__(self) -> Iterator[str]:
        """Over the paths."""
        return iter(self._objects)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._objects)


def _masked(value: object, path: str) -> object:
    if looks_secret(path, value):
        return MASK
    if type(value) is dict:
        items = cast("dict[object, object]", value).items()
        return {key: _masked(item, f"{path}/{key}") for key, item in items}
    if type(value) is list:
        return [_masked(item, path) for item in cast("list[object]", value)]
    if type(value) is tuple:
        return tuple(_masked(item, path) for item in cast("tuple[object, ...]", value))
    return value


def _storable(  # noqa: PLR0911  one return a type
    value: object, path: str, objects: dict[str, object]
) -> object:
    if looks_secret(path, value):
        objects[path] = value
        return Ref(path)
    if isinstance(value, Categorical):
        categories = tuple(
            stored(item, f"{path}/{at}", objects) for at, item in enumerate(value.categories)
        )
        return Categorical(categories, value.is_ordered)
    if is_domain(value):
        return value
    if is_grid(value):
        choices = cast("dict[str, list[object]]", value)[GRID]
        return {GRID: [_storable(item, f"{path}/{at}", objects) for at, item in enumerate(choices)]}
    if type(value) is dict and all(isinstance(key, str) for key in value):
        items = cast("dict[str, object]", value).items()
        return {key: _storable(item, f"{path}/{key}", objects) for key, item in items}
    if type(value) is list or type(value) is tuple:
        parts = [
            _storable(item, f"{path}/{at}", objects)
            for at, item in enumerate(cast("list[object]", value))
        ]
        return parts if type(value) is list else tuple(parts)
    return stored(value, path, objects)
