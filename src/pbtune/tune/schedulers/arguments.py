"""What schedulers take as arguments: how donors are chosen, and how intervals and regions move."""

from pbtune.core.pacing import Growth as IntervalGrowth
from pbtune.core.proposals import TrustRegion as TrustRegion
from pbtune.core.selection import BinaryTournament as BinaryTournament
from pbtune.core.selection import GapThreshold as GapThreshold
from pbtune.core.selection import Truncation as Truncation
from pbtune.core.selection import TTest as TTest

__all__ = [
    "BinaryTournament",
    "GapThreshold",
    "IntervalGrowth",
    "TTest",
    "Truncation",
    "TrustRegion",
]
