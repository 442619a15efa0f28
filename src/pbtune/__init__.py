# The import law (docs/design/house.md; tests/test_architecture.py keeps it):
#   core         imports nothing of pbtune but errors, and touches nothing
#   journal      core                         checkpoints  core
#   worker       core, checkpoints            executors    core, checkpoints, worker
#   driver       core, journal, checkpoints, executors (and the worker's protocol)
#   reporting    core, journal                tune         all of these
#   integrations tune, as a user would        cli          tune and what reads a run
"""Population based training: train a population, copy the winners, keep the schedule.

>>> from pbtune import tune
>>> tuner = tune.Tuner(train_fn, param_space=..., tune_config=tune.TuneConfig(...))
>>> results = tuner.fit()
"""

from typing import TYPE_CHECKING

from pbtune import train as train
from pbtune import tune as tune
from pbtune.version import __version__ as __version__

if TYPE_CHECKING:
    from pbtune.tune.cluster import init as init
    from pbtune.tune.cluster import shutdown as shutdown

__all__ = ["__version__", "init", "shutdown", "train", "tune"]


def __getattr__(name: str) -> object:
    # Imported when it is asked for, as in ``pbtune.tune``: every worker imports this package.
    if name in {"init", "shutdown"}:
        from pbtune.tune import cluster  # noqa: PLC0415  heavy for a worker

        return getattr(cluster, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
