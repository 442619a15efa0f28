"""Tune's paths of the loggers that tell a tracker: each imports its library when it is made."""

from pbtune.tune.places import elsewhere


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
