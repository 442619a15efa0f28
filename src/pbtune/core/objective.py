"""What a run aims at, and the doors through which a scheduler reaches the user's callables."""

import math

import msgspec

from pbtune.core.events import Report
from pbtune.core.space import UserCalls


class Objective(msgspec.Struct, frozen=True):
    """Metric, direction and seed: all that a scheduler needs to know besides its own settings.

    ``metric`` is None only for schedulers that rank nothing.
    """

    seed: int
    user_calls: UserCalls
    metric: str | None = None
    mode: str | None = None

    def score(self, report: Report) -> float:
        """The report's metric, oriented so that larger is better; NaN if it is no number."""
        if self.metric is None:
            return math.nan
        value = report.number(self.metric)
        return -value if self.mode == "min" else value
