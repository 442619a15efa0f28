"""Tune's place for ``ResultGrid``."""

from pbtune.tune.results import ResultGrid as ResultGrid

__all__ = ["ResultGrid"]
