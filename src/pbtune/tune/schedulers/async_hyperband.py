"""``AsyncHyperBandScheduler``, which is ``ASHAScheduler``, with Tune's arguments and defaults."""

from collections.abc import Mapping
from typing import Final, final

from pbtune.core.schedulers.asha import ASHA
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.tune.modes import check_mode
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.options import check


@final
class AsyncHyperBandScheduler(AbstractTuneScheduler):
    """Asynchronous successive halving: stops trials that are not among the best at their rung.

    Args:
        time_attr: The reported key that progress is counted in; it only grows.
        metric: The metric to judge by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
        max_t: Units of ``time_attr`` after which every trial ends, > 0.
        grace_period: Units of ``time_attr`` before a trial can be stopped, in (0, max_t].
        reduction_factor: The share that goes on is 1 in so many, and the next rung is so many times
            as far; > 1.
        brackets: How many brackets trials are dealt to, >= 1; each begins a rung later.
        stop_last_trials: Whether trials end at ``max_t``.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(  # noqa: PLR0913, PLR0917  Tune's own signature
        self,
        time_attr: str = "training_iteration",
        metric: str | None = None,
        mode: str | None = None,
        max_t: float = 100,
        grace_period: float = 1,
        reduction_factor: float = 4,
        brackets: int = 1,
        stop_last_trials: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        check_mode(mode)
        check("max_t", max_t, max_t > 0, "> 0")
        check("grace_period", grace_period, 0 < grace_period <= max_t, f"in (0, max_t = {max_t}]")
        check("reduction_factor", reduction_factor, reduction_factor > 1, "> 1")
        check("brackets", brackets, brackets >= 1, ">= 1")
        self.time_attr = time_attr
        self.metric = metric
        self.mode = mode
        self.max_t = max_t
        self.grace_period = grace_period
        self.reduction_factor = reduction_factor
        self.brackets = brackets
        self.stop_last_trials = stop_last_trials

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing."""
        del param_space
        return {}

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        del param_space
        return ASHA(
            attr=self.time_attr,
            max_t=float(self.max_t),
            grace_period=float(self.grace_period),
            reduction_factor=float(self.reduction_factor),
            brackets=self.brackets,
            stop_last_trials=self.stop_last_trials,
        )


ASHAScheduler: Final = AsyncHyperBandScheduler
