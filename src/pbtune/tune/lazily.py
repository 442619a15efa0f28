"""Packages whose names are imported when they are first asked for (PEP 562).

Every worker imports ``pbtune.tune``, and none of them needs the tuner; a script that wants one
scheduler doesn't need the other ten.
"""

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import cast

from pbtune.tune.places import elsewhere


def late(
    package: str, places: Mapping[str, str], modules: Collection[str] = ()
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: Its ``__name__``.
        places: {name: the module of the package that has it}.
        modules: Modules of the package that are names of it themselves.
    """

    def get(name: str) -> object:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if name not in places:
            return elsewhere(package, name)
        value = getattr(importlib.import_module(f"{package}.{places[name]}"), name)
        setattr(cast("ModuleType", sys.modules[package]), name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *places, *modules})

    return get, names
