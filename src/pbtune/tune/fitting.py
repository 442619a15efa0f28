"""One ``fit``: the template process first, then everything else.

template:      starts ─► imports what the function needs ─────────► forks workers
this process:  starts it ─► imports the loop ─► folder, journal ─► drives
"""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from pbtune.executors.processes.launcher import AbstractLauncher
from pbtune.executors.processes.preload import needed_modules
from pbtune.executors.processes.starting import launch
from pbtune.tune.execution import Execution

if TYPE_CHECKING:
    from pbtune.tune.results import ResultGrid


def execute(execution: Execution) -> "ResultGrid":
    """Train to the end.

    Raises:
        UserError: If the function can't be sent, or what it reports can't be used.
        EnvironmentFault: If the run's folder can't be written.
    """
    with ExitStack() as undo:
        started: list[AbstractLauncher] = []
        if execution.machine.executor == "processes" and execution.resume is None:
            modules = needed_modules(execution.trainable)
            started.append(launch(modules, execution.slots.threads))
            # Whoever uses it takes it out of the list.
            undo.callback(lambda: [launcher.close() for launcher in started])
        # It takes as long to import as the template needs to start.
        from pbtune.tune.driving import drive  # noqa: PLC0415  heavy

        return drive(execution, started)
