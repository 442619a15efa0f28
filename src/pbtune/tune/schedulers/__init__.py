"""Tune's schedulers by Tune's names, and ours: methods against greed, and controls."""

from pbtune.core.pacing import Growth as IntervalGrowth
from pbtune.core.proposals import TrustRegion as TrustRegion
from pbtune.core.selection import BinaryTournament as BinaryTournament
from pbtune.core.selection import GapThreshold as GapThreshold
from pbtune.core.selection import Truncation as Truncation
from pbtune.core.selection import TTest as TTest
from pbtune.tune.schedulers.controls import CosineDecay as CosineDecay
from pbtune.tune.schedulers.controls import ExploitOnly as ExploitOnly
from pbtune.tune.schedulers.controls import FixedSchedule as FixedSchedule
from pbtune.tune.schedulers.controls import RandomSearch as RandomSearch
from pbtune.tune.schedulers.fifo import FIFOScheduler as FIFOScheduler
from pbtune.tune.schedulers.ipbt import IPBT as IPBT
from pbtune.tune.schedulers.mf_pbt import MFPBT as MFPBT
from pbtune.tune.schedulers.mo_pbt import MOPBT as MOPBT
from pbtune.tune.schedulers.pb2 import PB2 as PB2
from pbtune.tune.schedulers.population_based_training import (
    PopulationBasedTraining as PopulationBasedTraining,
)

__all__ = [
    "IPBT",
    "MFPBT",
    "MOPBT",
    "PB2",
    "BinaryTournament",
    "CosineDecay",
    "ExploitOnly",
    "FIFOScheduler",
    "FixedSchedule",
    "GapThreshold",
    "IntervalGrowth",
    "PopulationBasedTraining",
    "RandomSearch",
    "TTest",
    "Truncation",
    "TrustRegion",
]
