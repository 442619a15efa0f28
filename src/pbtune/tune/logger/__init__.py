"""Loggers: callbacks that write results down in the trials' folders.

``TBXLoggerCallback`` lives with the other third-party ones in ``pbtune.integrations``; it is found
here too, because Tune has it here.
"""

import importlib

from pbtune.tune.logger.csv import CSVLoggerCallback as CSVLoggerCallback
from pbtune.tune.logger.json import JsonLoggerCallback as JsonLoggerCallback
from pbtune.tune.logger.logger import LoggerCallback as LoggerCallback

__all__ = [
    "CSVLoggerCallback",
    "JsonLoggerCallback",
    "LoggerCallback",
]


def __getattr__(name: str) -> object:
    if name == "TBXLoggerCallback":
        return importlib.import_module("pbtune.integrations.tensorboard").TBXLoggerCallback
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
