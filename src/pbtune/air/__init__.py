"""Ray AIR's names, under which older scripts import Tune's settings: ``air.RunConfig``, …."""

from typing import TYPE_CHECKING

from pbtune import tune
from pbtune.tune.places import elsewhere

if TYPE_CHECKING:
    from pbtune.tune import CheckpointConfig as CheckpointConfig
    from pbtune.tune import FailureConfig as FailureConfig
    from pbtune.tune import Result as Result
    from pbtune.tune import RunConfig as RunConfig
    from pbtune.tune.scaling import ScalingConfig as ScalingConfig

__all__ = ["CheckpointConfig", "FailureConfig", "Result", "RunConfig", "ScalingConfig"]


def __getattr__(name: str) -> object:
    # Imported when it is asked for, as in ``pbtune.tune``.
    if name == "ScalingConfig":
        from pbtune.tune import scaling  # noqa: PLC0415  heavy for a worker

        return scaling.ScalingConfig
    if name == "Checkpoint" or name in __all__:
        return getattr(tune, name)
    return elsewhere(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
