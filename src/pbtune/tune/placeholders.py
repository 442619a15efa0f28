"""What of a search space can't be stored, and the names that stand for it.

Configs are journalled as JSON. A value that JSON can't hold (a class, a data set, an array) stays
with the function that goes to the workers; configs name it by its path, and workers put it back.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from pbtune.core.space import GRID, Categorical, is_domain, is_grid
from pbtune.core.values import Ref, stored

_SECRET: Final = re.compile(
    r"password|passwd|secret|token(?!i[sz])|api_?key|credential|private_?key|access_?key",
    re.IGNORECASE,
)


def extract(param_space: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Split a search space into what can be stored and what can't.

    Returns:
        The space with ``Ref(path)`` in place of objects, and the objects by path.
    """
    objects: dict[str, object] = {}
    # A secret is an object like any other: it goes to the workers, and never into the journal.
    space = {key: _storable(value, str(key), objects) for key, value in param_space.items()}
    return space, objects


def looks_secret(path: str, value: object) -> bool:
    """Whether a value is text under a name that secrets go by, or inside of one."""
    return isinstance(value, str) and _is_secret_name(path)


def _is_secret_name(path: str) -> bool:
    return any(_SECRET.search(part) is not None for part in path.split("/"))


def without_secrets(space: object) -> Any:  # noqa: ANN401  as what it is given
    """A search space without what is under names that secrets go by, to be kept on the disk.

    Plain numbers stay: ``max_tokens`` is no secret.
    """
    if type(space) is not dict:
        return space
    items = cast("dict[str, object]", space).items()
    return {
        key: without_secrets(item)
        for key, item in items
        if isinstance(item, (int, float)) or not _is_secret_name(str(key))
    }


def _storable(  # noqa: PLR0911  one return a type
    value: object, path: str, objects: dict[str, object]
) -> object:
    if looks_secret(path, value):
        objects[path] = value
        return Ref(path)
    if isinstance(value, Categorical):
        categories = tuple(
            _storable(item, f"{path}/{at}", objects)
            if isinstance(item, str)
            else stored(item, f"{path}/{at}", objects)
            for at, item in enumerate(value.categories)
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
