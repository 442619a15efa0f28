"""``MLflowLoggerCallback`` where Tune has it."""

from pbtune.integrations.mlflow import MLflowLoggerCallback as MLflowLoggerCallback
from pbtune.tune.places import elsewhere

__all__ = ["MLflowLoggerCallback"]


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
