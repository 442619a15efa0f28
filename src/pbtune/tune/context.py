"""What a training function asks about its trial, one function a question.

Tune's older spelling of ``tune.get_context()``: ``session.get_trial_id()`` and the like.
"""

from typing import NoReturn

from pbtune.tune.places import elsewhere
from pbtune.worker.api import TrialResources
from pbtune.worker.api import TuneContext as TuneContext
from pbtune.worker.api import get_checkpoint as get_checkpoint
from pbtune.worker.api import get_context as get_context
from pbtune.worker.api import report as report

TrainContext = TuneContext

__all__ = ["TrainContext", "TuneContext", "get_context"]


def get_experiment_name() -> str | None:
    """The run's name."""
    return get_context().get_experiment_name()


def get_trial_name() -> str | None:
    """The trial's name: the training's, and the trial's id."""
    return get_context().get_trial_name()


def get_trial_id() -> str | None:
    """The trial's id."""
    return get_context().get_trial_id()


def get_trial_dir() -> str | None:
    """The trial's own folder."""
    return get_context().get_trial_dir()


def get_trial_resources() -> TrialResources | None:
    """The resources of one trial."""
    return get_context().get_trial_resources()


def get_storage() -> str | None:
    """The run's folder."""
    return get_context().get_storage()


def get_world_size() -> int:
    """Always 1: a trial is one process."""
    return get_context().get_world_size()


def get_world_rank() -> int:
    """Always 0: a trial is one process."""
    return get_context().get_world_rank()


def get_local_rank() -> int:
    """Always 0: a trial is one process."""
    return get_context().get_local_rank()


def get_local_world_size() -> int:
    """Always 1: a trial is one process."""
    return get_context().get_local_world_size()


def get_node_rank() -> int:
    """Always 0: a trial is one process."""
    return get_context().get_node_rank()


def get_metadata() -> NoReturn:
    """Not here, and never usable in Tune.

    Raises:
        DeprecationWarning: Always, as in Tune.
    """
    get_context().get_metadata()


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
