"""``MedianStoppingRule`` with Tune's arguments and defaults."""

from collections.abc import Mapping
from typing import final

from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.median_stopping import MedianStopping
from pbtune.tune.modes import check_mode
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.options import check


@final
class MedianStoppingRule(AbstractTuneScheduler):
    """Stops a trial whose best score is worse than the median of the others' means so far.

    Args:
        time_attr: The reported key that progress is counted in; it only grows.
        metric: The metric to judge by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
        grace_period: Units of ``time_attr`` before a trial can be stopped, and before its scores
            count in its mean; >= 0.
        min_samples_required: How many other trials must be as far, >= 1.
        min_time_slice: Units of ``time_attr`` that a trial trains at least before it yields its
            slot; it does so only while too few others are as far, and others wait. >= 0.
        hard_stop: False lets a bad trial go on while nobody else wants its slot.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(  # noqa: PLR0913, PLR0917  Tune's own signature
        self,
        time_attr: str = "time_total_s",
        metric: str | None = None,
        mode: str | None = None,
        grace_period: float = 60.0,
        min_samples_required: int = 3,
        min_time_slice: float = 0,
        hard_stop: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        check_mode(mode)
        check("grace_period", grace_period, grace_period >= 0, ">= 0")
        check("min_samples_required", min_samples_required, min_samples_required >= 1, ">= 1")
        check("min_time_slice", min_time_slice, min_time_slice >= 0, ">= 0")
        self.time_attr = time_attr
        self.metric = metric
        self.mode = mode
        self.grace_period = grace_period
        self.min_samples_required = min_samples_required
        self.min_time_slice = min_time_slice
        self.hard_stop = hard_stop

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing."""
        del param_space
        return {}

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        del param_space
        return MedianStopping(
            attr=self.time_attr,
            grace_period=float(self.grace_period),
            min_samples_required=self.min_samples_required,
            min_time_slice=float(self.min_time_slice),
            hard_stop=self.hard_stop,
        )
