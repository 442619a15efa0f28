"""What a training function's code names: the template imports it before it forks."""

import contextlib
import sys
import types
from typing import Final

_MODULES_MAX: Final = 200


def needed_modules(function: object) -> tuple[str, ...]:
    """The modules that a function's code names: importing them early makes workers start fast.

    It follows globals, closures and the functions of the same module, and sees ``np.random`` as
    ``numpy.random``. Missing one costs time, not correctness.
    """
    found: dict[str, None] = {}
    seen: set[int] = set()
    queue = [function]
    while queue and len(found) < _MODULES_MAX:
        current = queue.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, types.ModuleType):
            found[current.__name__] = None
            continue
        inner = getattr(current, "__wrapped__", None) or getattr(current, "func", None)
        if inner is not None:
            queue.append(inner)
        if isinstance(current, types.MethodType):
            queue.append(current.__func__)
        if isinstance(current, types.FunctionType):
            queue += _named_by(current, found)
        elif isinstance(current, type):
            queue += _methods_and_bases(current, found)
        else:
            module = getattr(current, "__module__", None)
            if isinstance(module, str) and module in sys.modules:
                found[module] = None
    found.pop("__main__", None)
    return tuple(name for name in found if name in sys.modules)


def _methods_and_bases(klass: type, found: dict[str, None]) -> list[object]:
    module = klass.__module__
    if module != "__main__":
        found[module] = None
        return [*klass.__bases__]
    # Only what travels by value is unpickled without an import of its module.
    members = (getattr(it, "__func__", it) for it in vars(klass).values())
    methods = [it for it in members if isinstance(it, types.FunctionType)]
    return [*methods, *klass.__bases__]


def _named_by(function: types.FunctionType, found: dict[str, None]) -> list[object]:
    if function.__module__ != "__main__":
        found[function.__module__] = None
    names = _names(function.__code__)
    values = [function.__globals__[name] for name in names if name in function.__globals__]
    for cell in function.__closure__ or ():
        # An empty cell belongs to a name that is defined later.
        with contextlib.suppress(ValueError):
            values.append(cell.cell_contents)
    for value in values:
        if isinstance(value, types.ModuleType):
            for name in names:
                if f"{value.__name__}.{name}" in sys.modules:
                    found[f"{value.__name__}.{name}"] = None
    return [
        item for item in values if isinstance(item, (types.ModuleType, types.FunctionType, type))
    ]


def _names(code: types.CodeType) -> list[str]:
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names(constant)
    return names
