"""What a user types: Ray Tune's names, and a few of ours.

Ours are ``checkpoint_due`` and ``new_checkpoint``, and ``TuneConfig(seed=...)``.

What a training function needs is imported at once. The rest comes when it is first asked for
(PEP 562): every worker imports this package, and none of them needs the tuner.
"""

from typing import TYPE_CHECKING, Final

from pbtune.checkpoints.checkpoint import Checkpoint as Checkpoint
from pbtune.core.domain import AbstractDomain
from pbtune.core.space import choice as choice
from pbtune.core.space import grid_search as grid_search
from pbtune.core.space import lograndint as lograndint
from pbtune.core.space import loguniform as loguniform
from pbtune.core.space import qlograndint as qlograndint
from pbtune.core.space import qloguniform as qloguniform
from pbtune.core.space import qrandint as qrandint
from pbtune.core.space import qrandn as qrandn
from pbtune.core.space import quniform as quniform
from pbtune.core.space import randint as randint
from pbtune.core.space import randn as randn
from pbtune.core.space import sample_from as sample_from
from pbtune.core.space import uniform as uniform
from pbtune.errors import PbtuneError as TuneError
from pbtune.tune import places
from pbtune.tune.lazily import late
from pbtune.worker.api import TuneContext as TuneContext
from pbtune.worker.api import checkpoint_due as checkpoint_due
from pbtune.worker.api import get_checkpoint as get_checkpoint
from pbtune.worker.api import get_context as get_context
from pbtune.worker.api import new_checkpoint as new_checkpoint
from pbtune.worker.api import report as report

if TYPE_CHECKING:
    from pbtune.tune import schedulers as schedulers
    from pbtune.tune import search as search
    from pbtune.tune.analysis import ExperimentAnalysis as ExperimentAnalysis
    from pbtune.tune.callback import Callback as Callback
    from pbtune.tune.configs import CheckpointConfig as CheckpointConfig
    from pbtune.tune.configs import FailureConfig as FailureConfig
    from pbtune.tune.configs import RunConfig as RunConfig
    from pbtune.tune.configs import TuneConfig as TuneConfig
    from pbtune.tune.context import get_trial_dir as get_trial_dir
    from pbtune.tune.context import get_trial_id as get_trial_id
    from pbtune.tune.context import get_trial_name as get_trial_name
    from pbtune.tune.context import get_trial_resources as get_trial_resources
    from pbtune.tune.entry_points import run as run
    from pbtune.tune.entry_points import run_experiments as run_experiments
    from pbtune.tune.experiment import Experiment as Experiment
    from pbtune.tune.parameters import with_parameters as with_parameters
    from pbtune.tune.progress_reporter import CLIReporter as CLIReporter
    from pbtune.tune.progress_reporter import JupyterNotebookReporter as JupyterNotebookReporter
    from pbtune.tune.progress_reporter import ProgressReporter as ProgressReporter
    from pbtune.tune.registry import register_env as register_env
    from pbtune.tune.registry import register_trainable as register_trainable
    from pbtune.tune.resources import PlacementGroupFactory as PlacementGroupFactory
    from pbtune.tune.resources import with_resources as with_resources
    from pbtune.tune.results import Result as Result
    from pbtune.tune.results import ResultGrid as ResultGrid
    from pbtune.tune.resume_config import ResumeConfig as ResumeConfig
    from pbtune.tune.schedule import Schedule as Schedule
    from pbtune.tune.schedulers.creating import create_scheduler as create_scheduler
    from pbtune.tune.search import create_searcher as create_searcher
    from pbtune.tune.stopper import Stopper as Stopper
    from pbtune.tune.syncer import SyncConfig as SyncConfig
    from pbtune.tune.trainable import Trainable as Trainable
    from pbtune.tune.tuner import Tuner as Tuner
    from pbtune.tune.warning import PbtuneWarning as PbtuneWarning

_PLACES: Final = {
    "CLIReporter": "progress_reporter",
    "Callback": "callback",
    "CheckpointConfig": "configs",
    "Experiment": "experiment",
    "ExperimentAnalysis": "analysis",
    "FailureConfig": "configs",
    "JupyterNotebookReporter": "progress_reporter",
    "PbtuneWarning": "warning",
    "PlacementGroupFactory": "resources",
    "ProgressReporter": "progress_reporter",
    "Result": "results",
    "ResultGrid": "results",
    "ResumeConfig": "resume_config",
    "RunConfig": "configs",
    "Schedule": "schedule",
    "Stopper": "stopper",
    "SyncConfig": "syncer",
    "Trainable": "trainable",
    "TuneConfig": "configs",
    "Tuner": "tuner",
    "create_scheduler": "schedulers.creating",
    "create_searcher": "search",
    "get_trial_dir": "context",
    "get_trial_id": "context",
    "get_trial_name": "context",
    "get_trial_resources": "context",
    "register_env": "registry",
    "register_trainable": "registry",
    "run": "entry_points",
    "run_experiments": "entry_points",
    "with_parameters": "parameters",
    "with_resources": "resources",
}
"""Which module has a name that is imported when it is asked for."""
_PACKAGES: Final = frozenset({"schedulers", "search"})

places.install()

__all__ = [
    "CLIReporter",
    "Callback",
    "Checkpoint",
    "CheckpointConfig",
    "Experiment",
    "ExperimentAnalysis",
    "FailureConfig",
    "JupyterNotebookReporter",
    "PbtuneWarning",
    "PlacementGroupFactory",
    "ProgressReporter",
    "Result",
    "ResultGrid",
    "ResumeConfig",
    "RunConfig",
    "Schedule",
    "Stopper",
    "SyncConfig",
    "Trainable",
    "TuneConfig",
    "TuneContext",
    "TuneError",
    "Tuner",
    "checkpoint_due",
    "choice",
    "create_scheduler",
    "create_searcher",
    "get_checkpoint",
    "get_context",
    "get_trial_dir",
    "get_trial_id",
    "get_trial_name",
    "get_trial_resources",
    "grid_search",
    "lograndint",
    "loguniform",
    "new_checkpoint",
    "qlograndint",
    "qloguniform",
    "qrandint",
    "qrandn",
    "quniform",
    "randint",
    "randn",
    "register_env",
    "register_trainable",
    "report",
    "run",
    "run_experiments",
    "sample_from",
    "schedulers",
    "search",
    "uniform",
    "with_parameters",
    "with_resources",
]


def _sample(domain: AbstractDomain, config: object, size: int, random_state: object) -> object:
    from pbtune.tune.draws import sample  # noqa: PLC0415  no worker needs it, nor most scripts

    return sample(domain, config, size, random_state)


AbstractDomain.sampler = staticmethod(_sample)
__getattr__, __dir__ = late(__name__, _PLACES, _PACKAGES)
