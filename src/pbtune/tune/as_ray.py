"""The door for scripts written for Ray Tune: ``import ray`` names our modules in this process.

A finder for ``ray`` and everything under it, ahead of all others. ``ray.tune.X`` is
``pbtune.tune.X`` where we have it, and a named error where we don't.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final, final

from pbtune.errors import NotInPbtune
from pbtune.tune import cluster

_OURS: Final = {"ray.tune": "pbtune.tune", "ray.train": "pbtune.train", "ray.air": "pbtune.air"}
_ROOT_NAMES: Final = {
    "init": cluster.init,
    "shutdown": cluster.shutdown,
    "is_initialized": cluster.is_initialized,
}
_WHY: Final = {
    "ray.get": "it belongs to Ray's tasks and objects; call the function directly",
    "ray.put": "it belongs to Ray's tasks and objects; use the value itself",
    "ray.remote": "it belongs to Ray's tasks and objects; call the function directly",
    "ray.air.session": "use tune.report() and tune.get_checkpoint()",
}
_WHY_OTHERWISE: Final = "pbtune speaks the part of Ray Tune that population based training needs"


def install() -> None:
    """Make ``ray`` name our modules from now on, in this process and its workers' imports."""
    if not is_installed():
        for name in [name for name in sys.modules if name == "ray" or name.startswith("ray.")]:
            del sys.modules[name]
        sys.meta_path.insert(0, RayFinder())


def behind_the_door(name: str) -> ModuleType:
    """A module of Ray's name, in a worker too: its process has no door of its own yet."""
    install()
    return importlib.import_module(name)


def is_installed() -> bool:
    """Whether ``ray`` names our modules in this process."""
    return any(isinstance(finder, RayFinder) for finder in sys.meta_path)


def uninstall() -> None:
    """Undo ``install``."""
    sys.meta_path[:] = [it for it in sys.meta_path if not isinstance(it, RayFinder)]
    for name in [name for name in sys.modules if name == "ray" or name.startswith("ray.")]:
        del sys.modules[name]


def _ours(name: str) -> ModuleType | None:
    """Our module for a name of Ray's; None if we have none."""
    for theirs, ours in _OURS.items():
        if name == theirs or name.startswith(f"{theirs}."):
            target = ours + name[len(theirs) :]
            try:
                return importlib.import_module(target)
            except ModuleNotFoundError as error:
                if error.name is not None and target.startswith(error.name):
                    return None
                raise
    return None


@final
class RayFinder(MetaPathFinder, Loader):
    """Finds ``ray`` and its submodules here."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """A spec for every name under ``ray``, so that no installed Ray is ever found."""
        del path, target
        if fullname != "ray" and not fullname.startswith("ray."):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module that answers with our names."""
        ours = None if spec.name == "ray" else _ours(spec.name)
        if spec.name != "ray" and ours is None:
            raise NotInPbtune(spec.name, _WHY.get(spec.name, _WHY_OTHERWISE))
        return RayModule(spec.name, ours)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing runs: names are looked up when they are asked for."""


@final
class RayModule(ModuleType):
    """``ray`` or one of its submodules, answering with our names."""

    def __init__(self, name: str, ours: ModuleType | None) -> None:
        super().__init__(name, f"{name}, as pbtune has it.")
        self.__path__ = []
        self._ours = ours
        if ours is not None:
            self.__all__ = list(getattr(ours, "__all__", []))

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        """Travel by name, as a function's globals do on their way to a worker."""
        return behind_the_door, (self.__name__,)

    def __getattr__(self, name: str) -> object:
        full = f"{self.__name__}.{name}"
        if name.startswith("__"):
            raise AttributeError(full)
        if self._ours is None:
            if name in _ROOT_NAMES:
                return _ROOT_NAMES[name]
        elif hasattr(self._ours, name):
            value = getattr(self._ours, name)
            return importlib.import_module(full) if isinstance(value, ModuleType) else value
        if _ours(full) is not None:
            return importlib.import_module(full)
        raise NotInPbtune(full, _WHY.get(full, _WHY_OTHERWISE))
