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

import importlib
from typing import TYPE_CHECKING, Final

from pbtune import train as train
from pbtune import tune as tune
from pbtune.version import __version__ as __version__

if TYPE_CHECKING:
    from pbtune import air as air
    from pbtune.tune.cluster import available_resources as available_resources
    from pbtune.tune.cluster import cluster_resources as cluster_resources
    from pbtune.tune.cluster import get_gpu_ids as get_gpu_ids
    from pbtune.tune.cluster import init as init
    from pbtune.tune.cluster import is_initialized as is_initialized
    from pbtune.tune.cluster import shutdown as shutdown
    from pbtune.tune.objects import ObjectRef as ObjectRef
    from pbtune.tune.objects import get as get
    from pbtune.tune.objects import put as put

_PLACES: Final = {
    "ObjectRef": "tune.objects",
    "available_resources": "tune.cluster",
    "cluster_resources": "tune.cluster",
    "get": "tune.objects",
    "get_gpu_ids": "tune.cluster",
    "init": "tune.cluster",
    "is_initialized": "tune.cluster",
    "put": "tune.objects",
    "shutdown": "tune.cluster",
}

__all__ = [
    "ObjectRef",
    "__version__",
    "air",
    "available_resources",
    "cluster_resources",
    "get",
    "get_gpu_ids",
    "init",
    "is_initialized",
    "put",
    "shutdown",
    "train",
    "tune",
]


def __getattr__(name: str) -> object:
    # Imported when it is asked for, as in ``pbtune.tune``: every worker imports this package.
    if name == "air":
        return importlib.import_module(f"{__name__}.air")
    if name in _PLACES:
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    return tune.places.elsewhere(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
