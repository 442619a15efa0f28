"""The same names under Tune's older spelling: ``train.report``, ``train.RunConfig``, ….

Ray warns that this spelling will go; here both are the same, and stay.
"""

from typing import TYPE_CHECKING

from pbtune import tune
from pbtune.tune import Checkpoint as Checkpoint
from pbtune.tune import TuneContext as TrainContext
from pbtune.tune import get_checkpoint as get_checkpoint
from pbtune.tune import get_context as get_context
from pbtune.tune import report as report
from pbtune.tune.places import elsewhere

if TYPE_CHECKING:
    from pbtune.tune import CheckpointConfig as CheckpointConfig
    from pbtune.tune import FailureConfig as FailureConfig
    from pbtune.tune import Result as Result
    from pbtune.tune import RunConfig as RunConfig
    from pbtune.tune import SyncConfig as SyncConfig
    from pbtune.tune.scaling import ScalingConfig as ScalingConfig

__path__: list[str] = []  # ``pbtune.train.context`` and the like are found by ``tune.places``

TRAIN_DATASET_KEY = "train"

__all__ = [
    "Checkpoint",
    "CheckpointConfig",
    "FailureConfig",
    "Result",
    "RunConfig",
    "ScalingConfig",
    "SyncConfig",
    "TrainContext",
    "get_checkpoint",
    "get_context",
    "report",
]


def __getattr__(name: str) -> object:
    # Imported when it is asked for, as in ``pbtune.tune``.
    if name == "ScalingConfig":
        from pbtune.tune import scaling  # noqa: PLC0415  heavy for a worker

        return scaling.ScalingConfig
    if name in __all__:
        return getattr(tune, name)
    return elsewhere(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
