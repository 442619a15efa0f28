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

from pbtune import train as train
from pbtune import tune as tune
from pbtune.tune.cluster import init as init
from pbtune.tune.cluster import shutdown as shutdown
from pbtune.version import __version__ as __version__

__all__ = ["__version__", "init", "shutdown", "train", "tune"]
