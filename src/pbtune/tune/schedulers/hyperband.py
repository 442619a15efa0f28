"""``HyperBandScheduler`` with Tune's arguments and defaults."""

from collections.abc import Mapping
from typing import final

from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.hyperband import HyperBand
from pbtune.tune.modes import check_mode
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.options import check


@final
class HyperBandScheduler(AbstractTuneScheduler):
    """Trials wait for each other at milestones, where the best go on. They save checkpoints there.

    Args:
        time_attr: The reported key that progress is counted in; it only grows.
        metric: The metric to judge by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
        max_t: Units of ``time_attr`` that the best trials get, >= 1.
        reduction_factor: The share that goes on is 1 in so many, and the next milestone is so many
            times as far; > 1.
        stop_last_trials: Whether trials end at the last milestone.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(
        self,
        time_attr: str = "training_iteration",
        metric: str | None = None,
        mode: str | None = None,
        max_t: float = 81,
        reduction_factor: float = 3,
        stop_last_trials: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        check_mode(mode)
        check("max_t", max_t, max_t >= 1, ">= 1")
        check("reduction_factor", reduction_factor, reduction_factor > 1, "> 1")
        self.time_attr = time_attr
        self.metric = metric
        self.mode = mode
        self.max_t = max_t
        self.reduction_factor = reduction_factor
        self.stop_last_trials = stop_last_trials

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing."""
        del param_space
        return {}

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        del param_space
        return HyperBand(
            attr=self.time_attr,
            max_t=float(self.max_t),
            reduction_factor=float(self.reduction_factor),
            stop_last_trials=self.stop_last_trials,
        )
