"""Tune's module of this name."""

from pbtune.tune.schedulers.population_based_training import (
    PopulationBasedTraining as PopulationBasedTraining,
)
from pbtune.tune.schedulers.replay import (
    PopulationBasedTrainingReplay as PopulationBasedTrainingReplay,
)

__all__ = ["PopulationBasedTraining", "PopulationBasedTrainingReplay"]
