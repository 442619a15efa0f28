"""Tune's oldest spelling: what ``pbtune.train`` has, and the trackers in ``air.integrations``."""

from pbtune import train


def __getattr__(name: str) -> object:
    return getattr(train, name)


def __dir__() -> list[str]:
    return dir(train)
