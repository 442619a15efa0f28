"""Tune's schedulers, by Tune's names."""

from pbtune.tune.schedulers.fifo import FIFOScheduler as FIFOScheduler
from pbtune.tune.schedulers.population_based_training import (
    PopulationBasedTraining as PopulationBasedTraining,
)

__all__ = ["FIFOScheduler", "PopulationBasedTraining"]
