"""``PopulationBasedTraining`` with Tune's arguments and defaults."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from pbtune.core.explore import (
    ExploreSettings,
    mutations_from_space,
    validate_mutations,
)
from pbtune.core.pacing import Growth
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.selection import AbstractSelection
from pbtune.errors import SettingsError, SpaceError
from pbtune.tune.modes import check_mode
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.options import check, check_population, growth_of, selection_of


@final
class PopulationBasedTraining(AbstractTuneScheduler):
    """Copies the winners and perturbs their hyperparameters, while the population trains.

    Args:
        time_attr: The reported key that intervals are counted in.
        metric: The metric to rank by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
        perturbation_interval: Units of ``time_attr`` between two comparisons of a member, > 0.
        burn_in_period: Units of ``time_attr`` before the first one, >= 0.
        hyperparam_mutations: {key: domain, list, callable or nested dict}. If it is left out, every
            domain in ``param_space`` is mutated.
        quantile_fraction: Share of the population that copies, and that is copied; in [0, 0.5].
        resample_probability: How often a value is drawn anew instead of perturbed; in [0, 1].
        perturbation_factors: The factors of a perturbation, both > 0.
        custom_explore_fn: Gets the explored config last, and returns it.
        log_config: Accepted; every config is in the journal anyway.
        require_attrs: Whether a report without metric or ``time_attr`` is an error.
        synch: Whether ready members wait for each other; with a seed and a deterministic function
            the decisions are then the same in every run.
        replace_failed: With ``synch``: a member that failed for good is replaced by a copy of a
            survivor. Ours.
        straggler_timeout_s: With ``synch``: how long members wait for the others, > 0. Ours.
        selection: "truncation", "tournament", "t-test", "gap", or one of their structs. Ours.
        interval_growth: Double the interval every so many generations, or on "stagnation". Ours.
        backtrack: Whether copies are made of the best checkpoint ever, which is kept for that,
            rather than of a member's last. Ours.

    Raises:
        SettingsError: If a value is out of its range.
        SpaceError: If a mutation can't be sampled.
        TypeError: If a mutation is of a kind that can't be mutated (a SpaceError too).
    """

    def __init__(  # noqa: PLR0913, PLR0917  Tune's own signature
        self,
        time_attr: str = "time_total_s",
        metric: str | None = None,
        mode: str | None = None,
        perturbation_interval: float = 60.0,
        burn_in_period: float = 0.0,
        hyperparam_mutations: Mapping[str, Any] | None = None,
        quantile_fraction: float = 0.25,
        resample_probability: float = 0.25,
        perturbation_factors: Sequence[float] = (1.2, 0.8),
        custom_explore_fn: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        log_config: bool = True,  # noqa: FBT001, FBT002
        require_attrs: bool = True,  # noqa: FBT001, FBT002
        synch: bool = False,  # noqa: FBT001, FBT002
        *,
        replace_failed: bool = False,
        straggler_timeout_s: float | None = None,
        selection: str | AbstractSelection = "truncation",
        interval_growth: str | int | Growth | None = None,
        backtrack: bool = False,
    ) -> None:
        self.metric = metric
        self.mode = mode
        self.time_attr = time_attr
        self.perturbation_interval = perturbation_interval
        self.burn_in_period = burn_in_period
        self.hyperparam_mutations = hyperparam_mutations
        self.quantile_fraction = quantile_fraction
        self.exploration = ExploreSettings(
            resample_probability=resample_probability,
            perturbation_factors=tuple(perturbation_factors),
            custom_explore_fn=custom_explore_fn,
        )
        self.log_config = log_config
        self.require_attrs = require_attrs
        self.synch = synch
        self.replace_failed = replace_failed
        self.straggler_timeout_s = straggler_timeout_s
        self.selection = selection_of(selection)
        self.growth = growth_of(interval_growth)
        self.backtrack = backtrack
        self._check_ranges()

    def _check_ranges(self) -> None:
        check_mode(self.mode)
        explored = self.exploration
        check_population(self.perturbation_interval, self.burn_in_period, self.quantile_fraction)
        probability = explored.resample_probability
        check("resample_probability", probability, 0 <= probability <= 1, "in [0, 1]")
        factors = explored.perturbation_factors
        positive = len(factors) > 0 and all(it > 0 for it in factors)
        check("perturbation_factors", factors, positive, "factors > 0")
        timeout_s = self.straggler_timeout_s
        if timeout_s is not None:
            check("straggler_timeout_s", timeout_s, timeout_s > 0, "> 0")
        if not self.synch and (self.replace_failed or timeout_s is not None):
            message = "replace_failed and straggler_timeout_s are for synch=True"
            raise SettingsError(message)
        if explored.custom_explore_fn is not None and not callable(explored.custom_explore_fn):
            message = f"custom_explore_fn must be callable, not {explored.custom_explore_fn!r}"
            raise SettingsError(message)
        if self.hyperparam_mutations is not None:
            validate_mutations(self.hyperparam_mutations)

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """``hyperparam_mutations``, or every domain of the search space."""
        if self.hyperparam_mutations:
            return self.hyperparam_mutations
        return mutations_from_space(param_space)

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        mutations = dict(self.mutations(param_space))
        if not mutations and self.exploration.custom_explore_fn is None:
            message = (
                "PopulationBasedTraining has nothing to mutate: pass hyperparam_mutations or"
                " custom_explore_fn, or put a domain such as tune.loguniform(1e-4, 1e-1) into"
                " param_space"
            )
            raise SpaceError(message)
        validate_mutations(mutations, param_space)
        return PBT(
            mutations=mutations,
            perturbation_interval=self.perturbation_interval,
            burn_in_period=self.burn_in_period,
            quantile_fraction=self.quantile_fraction,
            exploration=self.exploration,
            require_attrs=self.require_attrs,
            attr=self.time_attr,
            synch=self.synch,
            replace_failed=self.replace_failed,
            straggler_timeout_s=self.straggler_timeout_s,
            selection=self.selection,
            growth=self.growth,
            backtrack=self.backtrack,
        )
