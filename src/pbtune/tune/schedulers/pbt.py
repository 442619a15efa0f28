"""Tune's module of this name."""

from pbtune.tune.schedulers.population_based_training import (
    PopulationBasedTraining as PopulationBasedTraining,
)

__all__ = ["PopulationBasedTraining"]
