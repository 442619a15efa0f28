"""``MOPBT``: population based training by several metrics at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from pbtune.core.explore import ExploreSettings, mutations_from_space, validate_mutations
from pbtune.core.pacing import Growth
from pbtune.core.schedulers import mo_pbt as core
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.selection import AbstractSelection, BinaryTournament, Truncation
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
class MOPBT(AbstractTuneScheduler):
    """PBT whose winners are those that nobody dominates. ``tune.pareto.pareto_set`` picks them.

    Args:
        metric: At least two metrics; the first one is what single-number views show.
        mode: "max" or "min" for each.
        time_attr: The reported key that intervals are counted in.
        perturbation_interval: Units of ``time_attr`` between two comparisons of a member, > 0.
        burn_in_period: Units of ``time_attr`` before the first one, >= 0.
        hyperparam_mutations: As for ``PopulationBasedTraining``.
        quantile_fraction: Share of the population that copies, and that is copied; in [0, 0.5].
        resample_probability: How often a value is drawn anew instead of perturbed; in [0, 1].
        custom_explore_fn: Gets the explored config last, and returns it.
        synch: Whether ready members wait for each other.
        selection: "truncation" or "tournament"; the others compare values of one metric.
        interval_growth: Double the interval every so many generations.

    Raises:
        SettingsError: If a value is out of its range.
        SpaceError: If a mutation can't be sampled.
    """

    def __init__(  # noqa: PLR0913  as Tune's own signature of PBT
        self,
        metric: Sequence[str],
        mode: Sequence[str],
        *,
        time_attr: str = "time_total_s",
        perturbation_interval: float = 60.0,
        burn_in_period: float = 0.0,
        hyperparam_mutations: Mapping[str, Any] | None = None,
        quantile_fraction: float = 0.25,
        resample_probability: float = 0.2,
        custom_explore_fn: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        synch: bool = False,
        selection: str | AbstractSelection = "truncation",
        interval_growth: int | Growth | None = None,
    ) -> None:
        self.metrics = paired(metric, mode)
        check_population(perturbation_interval, burn_in_period, quantile_fraction)
        in_one = 0 <= resample_probability <= 1
        check("resample_probability", resample_probability, in_one, "in [0, 1]")
        if hyperparam_mutations is not None:
            validate_mutations(hyperparam_mutations)
        self.metric, self.mode = self.metrics[0]
        self.time_attr = time_attr
        self.perturbation_interval = perturbation_interval
        self.burn_in_period = burn_in_period
        self.hyperparam_mutations = hyperparam_mutations
        self.quantile_fraction = quantile_fraction
        self.exploration = ExploreSettings(
            resample_probability, custom_explore_fn=custom_explore_fn
        )
        self.synch = synch
        self.selection = selection_of(selection)
        by_order = isinstance(self.selection, (Truncation, BinaryTournament))
        check("selection", selection, by_order, '"truncation" or "tournament" for several metrics')
        self.growth = growth_of(interval_growth)
        by_clock = self.growth is None or self.growth.patience is None
        check("interval_growth", interval_growth, by_clock, "a count of generations here")

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """``hyperparam_mutations``, or every domain of the search space."""
        return self.hyperparam_mutations or mutations_from_space(param_space)

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        mutations = dict(self.mutations(param_space))
        if self.exploration.custom_explore_fn is None:
            check_has_mutations("MOPBT", mutations)
        validate_mutations(mutations, param_space)
        return core.MOPBT(
            mutations=mutations,
            metrics=self.metrics,
            exploration=self.exploration,
            perturbation_interval=self.perturbation_interval,
            burn_in_period=self.burn_in_period,
            quantile_fraction=self.quantile_fraction,
            attr=self.time_attr,
            synch=self.synch,
            selection=self.selection,
            growth=self.growth,
        )


def paired(metric: Sequence[str], mode: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Metrics with their directions.

    Raises:
        SettingsError: If they don't belong together.
    """
    names = () if isinstance(metric, str) else tuple(metric)
    check("metric", metric, len(set(names)) == len(names) > 1, "a list of two or more names")
    modes = () if isinstance(mode, str) else tuple(mode)
    check("mode", mode, len(modes) == len(names), "a list with one direction a metric")
    for direction in modes:
        check_mode(direction)
    return tuple(zip(names, modes, strict=True))
