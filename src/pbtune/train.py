"""The same names under Tune's older spelling: ``train.report``, ``train.RunConfig``, ….

Ray warns that this spelling will go; here both are the same objects, and stay.
"""

from pbtune.tune import Checkpoint as Checkpoint
from pbtune.tune import CheckpointConfig as CheckpointConfig
from pbtune.tune import FailureConfig as FailureConfig
from pbtune.tune import Result as Result
from pbtune.tune import RunConfig as RunConfig
from pbtune.tune import get_checkpoint as get_checkpoint
from pbtune.tune import get_context as get_context
from pbtune.tune import report as report

__all__ = [
    "Checkpoint",
    "CheckpointConfig",
    "FailureConfig",
    "Result",
    "RunConfig",
    "get_checkpoint",
    "get_context",
    "report",
]
