"""When trials and runs end, beyond a dict of bounds; each class in a file of its own."""

from pbtune.tune.places import elsewhere
from pbtune.tune.stopper.experiment_plateau import (
    ExperimentPlateauStopper as ExperimentPlateauStopper,
)
from pbtune.tune.stopper.function_stopper import FunctionStopper as FunctionStopper
from pbtune.tune.stopper.maximum_iteration import (
    MaximumIterationStopper as MaximumIterationStopper,
)
from pbtune.tune.stopper.noop import NoopStopper as NoopStopper
from pbtune.tune.stopper.stopper import CombinedStopper as CombinedStopper
from pbtune.tune.stopper.stopper import Stopper as Stopper
from pbtune.tune.stopper.timeout import TimeoutStopper as TimeoutStopper
from pbtune.tune.stopper.trial_plateau import TrialPlateauStopper as TrialPlateauStopper

__all__ = [
    "CombinedStopper",
    "ExperimentPlateauStopper",
    "FunctionStopper",
    "MaximumIterationStopper",
    "NoopStopper",
    "Stopper",
    "TimeoutStopper",
    "TrialPlateauStopper",
]


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
