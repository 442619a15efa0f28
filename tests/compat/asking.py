"""Ask the cases, of whichever `ray` this process has, and write the answers as plain data.

A case is a function of a folder; what it returns is its answer, and what it yields are several,
as (name, answer). It is written for Ray Tune, and knows nothing of pbtune.
"""

import importlib
import inspect
import math
import pkgutil
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
PRECISION = 6


def case_functions():
    """{"module.function": function} of all cases, in order."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    import cases

    found = {}
    for module in sorted(it.name for it in pkgutil.iter_modules(cases.__path__)):
        loaded = importlib.import_module(f"cases.{module}")
        for name, value in vars(loaded).items():
            is_own = inspect.isfunction(value) and value.__module__ == loaded.__name__
            if is_own and name.startswith("case_"):
                found[f"{module}.{name.removeprefix('case_')}"] = value
    return found


def asked(name, function, folder):
    """{"module.function[.part]": answer} of one case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = function(folder)
            if not inspect.isgenerator(value):
                return {name: plain(value)}
            answers = {}
            for part, answer in value:
                answers[f"{name}.{part}"] = plain(answer)
        # The boundary of what is asked: whatever it raises is its answer.
        except Exception as error:  # noqa: BLE001
            return {name: plain(error)}
    return answers


def plain(value):  # noqa: PLR0911  one kind after the other
    """An answer as JSON can hold it; floats rounded, exceptions by their kinds."""
    if isinstance(value, BaseException):
        return {"raises": [it.__name__ for it in type(value).__mro__[:-1]]}
    if hasattr(value, "item") and callable(value.item) and getattr(value, "shape", ()) == ():
        value = value.item()
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"float": str(value)}
        return round(value, PRECISION)
    if isinstance(value, dict):
        return {str(key): plain(it) for key, it in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(it) for it in value]
    return {"type": type(value).__name__}
