"""Tune's place for ``TuneConfig``."""

from pbtune.tune.configs import TuneConfig as TuneConfig

__all__ = ["TuneConfig"]
