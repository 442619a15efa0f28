"""``FIFOScheduler``: every trial trains to its end."""

from collections.abc import Mapping
from typing import final

from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.fifo import FIFO
from pbtune.tune.schedulers.base import AbstractTuneScheduler


@final
class FIFOScheduler(AbstractTuneScheduler):
    """Tune's default: starts trials in order, and stops none."""

    needs_metric = False

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        del param_space
        return FIFO()

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing."""
        del param_space
        return {}
