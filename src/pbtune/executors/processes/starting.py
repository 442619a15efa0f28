"""Which launcher: by the system, or as PBTUNE_START_METHOD says.

    fork     from a template that has imported what the function needs: milliseconds. Linux only.
    spawn    a Python of its own for each worker: 100 ms and its imports. Everywhere.

macOS has fork, but its frameworks start threads behind Python's back, and a forked copy of a
process with threads may inherit a lock that nobody will release. The names are multiprocessing's.
"""

import os
import sys
from typing import Final, Literal

from pbtune.errors import SettingsError
from pbtune.executors.processes.launcher import AbstractLauncher
from pbtune.executors.processes.template import TemplateLauncher

VARIABLE: Final = "PBTUNE_START_METHOD"
"""In the environment: "fork" or "spawn"."""
StartMethod = Literal["fork", "spawn"]


def start_method() -> StartMethod:
    """How worker processes are made here.

    Raises:
        SettingsError: If the environment asks for what this system doesn't have.
    """
    can_fork = sys.platform == "linux"
    match os.environ.get(VARIABLE, ""):
        case "":
            return "fork" if can_fork else "spawn"
        case "spawn":
            return "spawn"
        case "fork" if can_fork:
            return "fork"
        case other:
            allowed = '"fork" or "spawn"' if can_fork else '"spawn" on this system'
            message = f"{VARIABLE} must be {allowed}, not {other!r}"
            raise SettingsError(message)


def launch(modules: tuple[str, ...], threads: int) -> AbstractLauncher:
    """Get ready to make worker processes.

    Args:
        modules: What the training function needs; imported at once where workers are forked.
        threads: Threads that numerical libraries may use in one worker.

    Raises:
        SettingsError: If the environment asks for a start method that this system doesn't have.
    """
    if start_method() == "fork":
        return TemplateLauncher(modules, threads)
    from pbtune.executors.processes import direct  # noqa: PLC0415  forking runs start without it

    if sys.platform == "win32":
        from pbtune.executors.processes import windows  # noqa: PLC0415  only there

        return direct.DirectLauncher(threads, windows.WindowsSystem())
    from pbtune.executors.processes import posix  # noqa: PLC0415  not on Windows

    return direct.DirectLauncher(threads, posix.PosixSystem())
