"""``IPBT``: population based training that restarts itself with longer intervals."""

from collections.abc import Callable, Mapping
from typing import Any, final

import msgspec

from pbtune.core.schedulers import ipbt as core
from pbtune.core.schedulers import pb2, pbt
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.errors import SettingsError
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.options import check
from pbtune.tune.schedulers.pb2 import PB2
from pbtune.tune.schedulers.population_based_training import PopulationBasedTraining


@final
class IPBT(AbstractTuneScheduler):
    """Begins with a short interval; on stagnation restarts the population, and doubles it.

    At a restart some members get fresh weights. The others keep theirs if the training function
    shrinks and perturbs them, which it does when ``config[restart_key]`` is more than what it saved
    with its checkpoint (see ``shrink_perturb``); without a key they copy the best one's.

    Args:
        method: ``PopulationBasedTraining(...)`` or ``PB2(...)``: the interval to begin with, how
            copies are explored, metric and mode. It is synchronous whatever it says.
        patience: Generations without a new best score before a restart, >= 1.
        slow_window: A restart too if the best of so many generations is hardly better than what
            came before, >= 2: by less than one standard deviation of the best scores since the last
            restart. None for never.
        interval_factor: What the interval is multiplied by, > 1.
        fresh_fraction: The share of the members that get fresh weights, in [0, 1].
        restart_key: The config key that holds the number of restarts; None for none.
        budget: Units of ``time_attr`` that a member trains; then no restart comes too late.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(  # noqa: PLR0913  as Tune's own signature of PBT
        self,
        method: PopulationBasedTraining | PB2,
        *,
        patience: int = 3,
        slow_window: int | None = 15,
        interval_factor: float = 2.0,
        fresh_fraction: float = 0.5,
        restart_key: str | None = None,
        budget: float | None = None,
    ) -> None:
        is_method = isinstance(method, (PopulationBasedTraining, PB2))  # pyright: ignore[reportUnnecessaryIsInstance]
        check("method", method, is_method, "PopulationBasedTraining(...) or PB2(...)")
        own = method.growth is None
        check("interval_growth of the method", method.growth, own, "None: IPBT grows it itself")
        check("patience", patience, patience >= 1, ">= 1")
        is_window = slow_window is None or slow_window > 1
        check("slow_window", slow_window, is_window, ">= 2 or None")
        check("interval_factor", interval_factor, interval_factor > 1, "> 1")
        check("fresh_fraction", fresh_fraction, 0 <= fresh_fraction <= 1, "in [0, 1]")
        check("budget", budget, budget is None or budget > 0, "> 0")
        self.metric = method.metric
        self.mode = method.mode
        self.method = method
        self.patience = patience
        self.slow_window = slow_window
        self.interval_factor = interval_factor
        self.fresh_fraction = fresh_fraction
        self.restart_key = restart_key
        self.budget = budget

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """The method's."""
        return self.method.mutations(param_space)

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        method = self.method.resolve(param_space)
        if not isinstance(method, (pbt.PBT, pb2.PB2)):
            message = f"IPBT can't restart {method!r}"
            raise SettingsError(message)
        method = msgspec.structs.replace(method, synch=True)
        return core.IPBT(
            method=method,
            patience=self.patience,
            slow_window=self.slow_window,
            interval_factor=self.interval_factor,
            fresh_fraction=self.fresh_fraction,
            restart_key=self.restart_key,
            budget=self.budget,
            perturbation_interval=method.perturbation_interval,
            burn_in_period=method.burn_in_period,
            quantile_fraction=method.quantile_fraction,
            require_attrs=method.require_attrs,
            attr=method.attr,
            selection=method.selection,
            backtrack=method.backtrack,
            straggler_timeout_s=method.straggler_timeout_s,
        )


def shrink_perturb(
    weights: Mapping[str, Any],
    fresh: Mapping[str, Any],
    *,
    shrink: float = 0.2,
    perturb: float = 0.1,
    is_weight: Callable[[str], bool] | None = None,
) -> dict[str, Any]:
    """Old weights and newly initialised ones, mixed: what a restart trains on.

    Args:
        weights: Arrays or tensors by name, such as a ``state_dict()``.
        fresh: The same of a model that has not been trained.
        shrink: The share of the old ones.
        perturb: The share of the new ones.
        is_weight: Says by name what is mixed; anything else, such as the buffers of normalisation,
            is taken from ``fresh``. By default all is mixed.
    """
    return {
        name: shrink * value + perturb * fresh[name]
        if is_weight is None or is_weight(name)
        else fresh[name]
        for name, value in weights.items()
    }
