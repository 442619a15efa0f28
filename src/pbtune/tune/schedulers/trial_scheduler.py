"""Tune's module of this name."""

from pbtune.tune.schedulers.base import TrialScheduler as TrialScheduler
from pbtune.tune.schedulers.fifo import FIFOScheduler as FIFOScheduler

__all__ = ["FIFOScheduler", "TrialScheduler"]
