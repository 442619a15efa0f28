"""``WandbLoggerCallback`` where Tune has it."""

from pbtune.integrations.wandb import WandbLoggerCallback as WandbLoggerCallback
from pbtune.tune.places import elsewhere

__all__ = ["WandbLoggerCallback"]


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
