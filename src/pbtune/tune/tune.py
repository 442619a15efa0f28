"""Tune's place for ``run`` and ``run_experiments``."""

from pbtune.tune.entry_points import run as run
from pbtune.tune.entry_points import run_experiments as run_experiments

__all__ = ["run", "run_experiments"]
