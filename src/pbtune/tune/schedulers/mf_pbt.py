"""``MFPBT``: population based training at several frequencies, against greed."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from pbtune.core.explore import ExploreSettings, mutations_from_space, validate_mutations
from pbtune.core.pacing import Growth
from pbtune.core.schedulers import mf_pbt as core
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.selection import AbstractSelection
from pbtune.tune.modes import check_mode
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.options import (
    check,
    check_has_mutations,
    check_population,
    growth_of,
    selection_of,
)


@final
class MFPBT(AbstractTuneScheduler):
    """Sub-populations that evolve at different periods; for 8 members or more.

    Args:
        time_attr: The reported key that intervals are counted in.
        metric: The metric to rank by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
        perturbation_interval: Units of ``time_attr`` of the shortest period, > 0.
        hyperparam_mutations: As for ``PopulationBasedTraining``.
        frequencies: The sub-populations' periods in intervals, ascending. By default (1, 5), from
            16 members on (1, 5, 10, 25): the longest should fit into the run three times.
        budget: Units of ``time_attr`` that a member trains, > 0; then those of the default
            frequencies are left out that don't fit three times.
        perturbation_factors: The factors of a perturbation, all > 0.
        require_attrs: Whether a report without metric or ``time_attr`` is an error.
        straggler_timeout_s: How long members wait for the others, > 0; None is for ever.
        selection: Who loses inside a sub-population: "truncation", "tournament", "t-test", "gap",
            or one of their structs.
        interval_growth: Double the interval every so many generations, or on "stagnation".

    Raises:
        SettingsError: If a value is out of its range.
        SpaceError: If a mutation can't be sampled.
    """

    def __init__(  # noqa: PLR0913  as Tune's own signature of PBT
        self,
        *,
        time_attr: str = "time_total_s",
        metric: str | None = None,
        mode: str | None = None,
        perturbation_interval: float = 60.0,
        hyperparam_mutations: Mapping[str, Any] | None = None,
        frequencies: Sequence[int] = (),
        perturbation_factors: Sequence[float] = (0.8, 1.25),
        require_attrs: bool = True,
        budget: float | None = None,
        straggler_timeout_s: float | None = None,
        selection: str | AbstractSelection = "truncation",
        interval_growth: str | int | Growth | None = None,
    ) -> None:
        check_mode(mode)
        check_population(perturbation_interval, 0.0, 0.25)
        rises = list(frequencies) == sorted(set(frequencies)) and all(it >= 1 for it in frequencies)
        check("frequencies", frequencies, rises, "ascending counts >= 1")
        positive = len(perturbation_factors) > 0 and all(it > 0 for it in perturbation_factors)
        check("perturbation_factors", perturbation_factors, positive, "factors > 0")
        check("budget", budget, budget is None or budget > 0, "> 0")
        if hyperparam_mutations is not None:
            validate_mutations(hyperparam_mutations)
        self.metric = metric
        self.mode = mode
        self.time_attr = time_attr
        self.perturbation_interval = perturbation_interval
        self.hyperparam_mutations = hyperparam_mutations
        self.frequencies = tuple(frequencies)
        self.perturbation_factors = tuple(perturbation_factors)
        self.require_attrs = require_attrs
        self.budget = budget
        self.straggler_timeout_s = straggler_timeout_s
        self.selection = selection_of(selection)
        self.growth = growth_of(interval_growth)

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """``hyperparam_mutations``, or every domain of the search space."""
        return self.hyperparam_mutations or mutations_from_space(param_space)

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        mutations = dict(self.mutations(param_space))
        check_has_mutations("MFPBT", mutations)
        validate_mutations(mutations, param_space)
        return core.MFPBT(
            mutations=mutations,
            frequencies=self.frequencies,
            exploration=ExploreSettings(0.0, self.perturbation_factors),
            perturbation_interval=self.perturbation_interval,
            require_attrs=self.require_attrs,
            attr=self.time_attr,
            budget=self.budget,
            straggler_timeout_s=self.straggler_timeout_s,
            selection=self.selection,
            growth=self.growth,
        )
