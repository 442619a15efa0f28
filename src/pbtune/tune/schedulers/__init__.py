"""Tune's schedulers by Tune's names, and ours: methods against greed, and controls."""

from typing import TYPE_CHECKING, Final

from pbtune.tune.lazily import late

if TYPE_CHECKING:
    from pbtune.tune.schedulers.arguments import BinaryTournament as BinaryTournament
    from pbtune.tune.schedulers.arguments import GapThreshold as GapThreshold
    from pbtune.tune.schedulers.arguments import IntervalGrowth as IntervalGrowth
    from pbtune.tune.schedulers.arguments import Truncation as Truncation
    from pbtune.tune.schedulers.arguments import TrustRegion as TrustRegion
    from pbtune.tune.schedulers.arguments import TTest as TTest
    from pbtune.tune.schedulers.async_hyperband import ASHAScheduler as ASHAScheduler
    from pbtune.tune.schedulers.async_hyperband import (
        AsyncHyperBandScheduler as AsyncHyperBandScheduler,
    )
    from pbtune.tune.schedulers.base import AbstractScheduler as AbstractScheduler
    from pbtune.tune.schedulers.base import TrialScheduler as TrialScheduler
    from pbtune.tune.schedulers.controls import CosineDecay as CosineDecay
    from pbtune.tune.schedulers.controls import ExploitOnly as ExploitOnly
    from pbtune.tune.schedulers.controls import FixedSchedule as FixedSchedule
    from pbtune.tune.schedulers.controls import RandomSearch as RandomSearch
    from pbtune.tune.schedulers.creating import create_scheduler as create_scheduler
    from pbtune.tune.schedulers.fifo import FIFOScheduler as FIFOScheduler
    from pbtune.tune.schedulers.hyperband import HyperBandScheduler as HyperBandScheduler
    from pbtune.tune.schedulers.ipbt import IPBT as IPBT
    from pbtune.tune.schedulers.median_stopping_rule import (
        MedianStoppingRule as MedianStoppingRule,
    )
    from pbtune.tune.schedulers.mf_pbt import MFPBT as MFPBT
    from pbtune.tune.schedulers.mo_pbt import MOPBT as MOPBT
    from pbtune.tune.schedulers.pb2 import PB2 as PB2
    from pbtune.tune.schedulers.population_based_training import (
        PopulationBasedTraining as PopulationBasedTraining,
    )
    from pbtune.tune.schedulers.replay import (
        PopulationBasedTrainingReplay as PopulationBasedTrainingReplay,
    )

_PLACES: Final = {
    "ASHAScheduler": "async_hyperband",
    "AbstractScheduler": "base",
    "AsyncHyperBandScheduler": "async_hyperband",
    "BinaryTournament": "arguments",
    "CosineDecay": "controls",
    "ExploitOnly": "controls",
    "FIFOScheduler": "fifo",
    "FixedSchedule": "controls",
    "GapThreshold": "arguments",
    "HyperBandScheduler": "hyperband",
    "IPBT": "ipbt",
    "IntervalGrowth": "arguments",
    "MFPBT": "mf_pbt",
    "MOPBT": "mo_pbt",
    "MedianStoppingRule": "median_stopping_rule",
    "PB2": "pb2",
    "PopulationBasedTraining": "population_based_training",
    "PopulationBasedTrainingReplay": "replay",
    "RandomSearch": "controls",
    "TTest": "arguments",
    "TrialScheduler": "base",
    "Truncation": "arguments",
    "TrustRegion": "arguments",
    "create_scheduler": "creating",
}
"""Which module has a name."""

__all__ = [
    "IPBT",
    "MFPBT",
    "MOPBT",
    "PB2",
    "ASHAScheduler",
    "AbstractScheduler",
    "AsyncHyperBandScheduler",
    "BinaryTournament",
    "CosineDecay",
    "ExploitOnly",
    "FIFOScheduler",
    "FixedSchedule",
    "GapThreshold",
    "HyperBandScheduler",
    "IntervalGrowth",
    "MedianStoppingRule",
    "PopulationBasedTraining",
    "PopulationBasedTrainingReplay",
    "RandomSearch",
    "TTest",
    "TrialScheduler",
    "Truncation",
    "TrustRegion",
    "create_scheduler",
]

__getattr__, __dir__ = late(__name__, _PLACES)
