"""Loggers: callbacks that write results down in the trials' folders.

``TBXLoggerCallback`` lives with the other third-party ones in ``pbtune.integrations``; it is found
here too, because Tune has it here.
"""

import importlib

from pbtune.tune.logger.csv import CSVLoggerCallback as CSVLoggerCallback
from pbtune.tune.logger.json import JsonLoggerCallback as JsonLoggerCallback
from pbtune.tune.logger.logger import LoggerCallback as LoggerCallback
from pbtune.tune.logger.logger import pretty_print as pretty_print
from pbtune.tune.places import elsewhere

__all__ = [
    "CSVLoggerCallback",
    "JsonLoggerCallback",
    "LoggerCallback",
    "pretty_print",
]


def __getattr__(name: str) -> object:
    if name == "TBXLoggerCallback":
        return importlib.import_module("pbtune.integrations.tensorboard").TBXLoggerCallback
    return elsewhere(__name__, name)
