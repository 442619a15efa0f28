"""``MLflowLoggerCallback`` where Tune has it."""

from pbtune.integrations.mlflow import MLflowLoggerCallback as MLflowLoggerCallback

__all__ = ["MLflowLoggerCallback"]
