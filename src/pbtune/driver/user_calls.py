"""Calling the user's callables on the driver's side, so that the same address gives the same."""

import importlib
import random
import sys
import zlib
from collections.abc import Callable
from typing import Any, final

from pbtune.core.space import UserCalls
from pbtune.core.values import resolved, stored

NUMPY_SEED_MAX = 1 << 32
_running: list[str] = []


def is_running() -> bool:
    """Whether one of the user's callables runs, with the global generators seeded for it."""
    return bool(_running)


@final
class SeededCalls(UserCalls):
    """Seeds ``random`` and numpy from the address, calls, and puts the generators back.

    Args:
        objects: The user's objects that configs refer to, by path: the callables see the objects,
            and new ones that they put into a config are added.
    """

    def __init__(self, objects: dict[str, object] | None = None) -> None:
        self._objects = {} if objects is None else objects

    def call(
        self, function: Callable[..., object], args: tuple[object, ...], address: str
    ) -> object:
        """What the function returns, as it can be stored."""
        # Asked for by import, since numpy 2.4 loads it only then.
        has_numpy = sys.modules.get("numpy") is not None
        numpy_random: Any = importlib.import_module("numpy.random") if has_numpy else None
        state = random.getstate()
        numpy_state = None if numpy_random is None else numpy_random.get_state()
        random.seed(address)
        if numpy_random is not None:
            numpy_random.seed(zlib.crc32(address.encode()) % NUMPY_SEED_MAX)
        _running.append(address)
        try:
            seen = args if not self._objects else [resolved(arg, self._objects) for arg in args]
            value = function(*seen)
        finally:
            _running.pop()
            random.setstate(state)
            if numpy_random is not None:
                numpy_random.set_state(numpy_state)
        return stored(value, address, self._objects)
