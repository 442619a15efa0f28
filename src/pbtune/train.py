"""The same names under Tune's older spelling: ``train.report``, ``train.RunConfig``, ….

Ray warns that this spelling will go; here both are the same objects, and stay.
"""

from typing import TYPE_CHECKING

from pbtune import tune
from pbtune.tune import Checkpoint as Checkpoint
from pbtune.tune import get_checkpoint as get_checkpoint
from pbtune.tune import get_context as get_context
from pbtune.tune import report as report

if TYPE_CHECKING:
    from pbtune.tune import CheckpointConfig as CheckpointConfig
    from pbtune.tune import FailureConfig as FailureConfig
    from pbtune.tune import Result as Result
    from pbtune.tune import RunConfig as RunConfig

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


def __getattr__(name: str) -> object:
    # Imported when it is asked for, as in ``pbtune.tune``.
    if name in __all__:
        return getattr(tune, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
