"""Ray itself: an extra, so it is imported when a run asks for it."""

import contextlib
import importlib
import re
import sys
from typing import Any, Final

from pbtune.errors import EnvironmentFault, SettingsError

VERSION_MIN: Final = (2, 54)
_PRELOADED: Final = (
    *("pbtune.executors.ray.executor", "numpy", "pyarrow", "pyarrow.json"),
    *("pydantic.types", "pydantic.v1", "starlette.datastructures"),
)
_EXTRA: Final = "pip install 'pbtune[ray]'"


def ray() -> Any:  # noqa: ANN401  a module that needn't be installed
    """Ray's module.

    Raises:
        SettingsError: If it isn't installed, is too old, or is one of ours under its name.
    """
    if any(type(it).__name__ == "RayFinder" for it in sys.meta_path):
        message = (
            'executor="ray" and `pbtune run --as-ray` exclude each other: under --as-ray the name'
            " ray means pbtune. Import pbtune in the script, and run it with python"
        )
        raise SettingsError(message)
    try:
        module = importlib.import_module("ray")
    except ImportError as error:
        message = f'executor="ray" needs Ray, which can\'t be imported ({error}): {_EXTRA}'
        raise SettingsError(message) from error
    check_version(module.__version__)
    return module


def check_version(version: str) -> None:
    """Raise SettingsError for a Ray that is older than the oldest that will do."""
    numbers = tuple(int(it) for it in re.findall(r"\d+", version)[:2])
    if numbers < VERSION_MIN:
        least = ".".join(map(str, VERSION_MIN))
        message = f'executor="ray" needs Ray >= {least}, not {version}: {_EXTRA}'
        raise SettingsError(message)


def preload() -> None:
    """Import the executor, and what Ray imports when it first serialises something.

    It takes a quarter of a second, in which this process otherwise waits for a cluster.
    """
    for name in _PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def part(name: str) -> Any:  # noqa: ANN401  a module
    """A submodule of Ray's."""
    return importlib.import_module(f"ray.{name}")


def unequal_versions(error: Exception) -> EnvironmentFault | None:
    """What Ray says about a cluster of another Python or Ray, in our words; None if it isn't that.

    Ray compares the versions of driver and cluster itself, and raises a bare RuntimeError.
    """
    text = str(error)
    if "ersion mismatch" not in text:
        return None
    theirs = re.findall(r"(Ray|Python): ([\d.]+)", text)
    told = ", ".join(f"{name} {version}" for name, version in theirs)
    here = ".".join(map(str, sys.version_info[:3]))
    return EnvironmentFault(
        f"the Ray cluster and this program differ in their versions ({told}; here: Python {here})."
        f" Functions travel as bytecode: use the same Python and Ray on every node"
    )
