"""``WandbLoggerCallback`` where Tune has it."""

from pbtune.integrations.wandb import WandbLoggerCallback as WandbLoggerCallback

__all__ = ["WandbLoggerCallback"]
