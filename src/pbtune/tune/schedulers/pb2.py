"""``PB2`` with Ray Tune's arguments, for floats, ints and categories."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, final

from pbtune.core.encoding import dimensions
from pbtune.core.explore import mutations_from_space
from pbtune.core.pacing import Growth
from pbtune.core.proposals import Proposer, TrustRegion
from pbtune.core.schedulers import pb2 as core
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.selection import AbstractSelection
from pbtune.core.space import Float, Integer, is_domain
from pbtune.errors import SettingsError, SpaceError
from pbtune.tune.modes import check_mode
from pbtune.tune.optional import imported
from pbtune.tune.places import elsewhere
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.options import (
    check_has_mutations,
    check_population,
    growth_of,
    selection_of,
)

PAIR = 2


@final
class PB2(AbstractTuneScheduler):
    """Population based bandits: a model proposes the config of a copy. Needs numpy.

    Args:
        time_attr: The reported key that intervals are counted in.
        metric: The metric to rank by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
        perturbation_interval: Units of ``time_attr`` between two comparisons of a member, > 0.
        hyperparam_bounds: {key: [low, high], domain, tune.choice(...) or nested dict}. Bounds are
            on the scale and of the type of the key's domain in ``param_space``. If it is left out,
            every domain in ``param_space`` is used.
        quantile_fraction: Share of the population that copies, and that is copied; in [0, 0.5].
        log_config: Accepted; every config is in the journal anyway.
        require_attrs: Whether a report without metric or ``time_attr`` is an error.
        synch: Whether ready members wait for each other.
        custom_explore_fn: Gets the proposed config last, and returns it.
        burn_in_period: Units of ``time_attr`` before the first comparison, >= 0. Ours.
        selection: "truncation", "tournament", "t-test", "gap", or one of their structs. Ours.
        interval_growth: Double the interval every so many generations, or on "stagnation". Ours.
        trust_region: Propose near the donor's config, as BG-PBT does: True or a struct. Ours.
        backtrack: Copy the best checkpoint ever, as BG-PBT does. Ours.

    Raises:
        SettingsError: If a value is out of its range.
        SpaceError: If bounds are none.
    """

    def __init__(  # noqa: PLR0913, PLR0917  Tune's own signature
        self,
        time_attr: str = "time_total_s",
        metric: str | None = None,
        mode: str | None = None,
        perturbation_interval: float = 60.0,
        hyperparam_bounds: Mapping[str, Any] | None = None,
        quantile_fraction: float = 0.25,
        log_config: bool = True,  # noqa: FBT001, FBT002
        require_attrs: bool = True,  # noqa: FBT001, FBT002
        synch: bool = False,  # noqa: FBT001, FBT002
        custom_explore_fn: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        *,
        burn_in_period: float = 0.0,
        selection: str | AbstractSelection = "truncation",
        interval_growth: str | int | Growth | None = None,
        trust_region: bool | TrustRegion = False,
        backtrack: bool = False,
    ) -> None:
        check_mode(mode)
        check_population(perturbation_interval, burn_in_period, quantile_fraction)
        if custom_explore_fn is not None and not callable(custom_explore_fn):
            message = f"custom_explore_fn must be callable, not {custom_explore_fn!r}"
            raise SettingsError(message)
        if hyperparam_bounds is not None:
            dimensions(bounded(hyperparam_bounds, {}))
        self.metric = metric
        self.mode = mode
        self.time_attr = time_attr
        self.perturbation_interval = perturbation_interval
        self.burn_in_period = burn_in_period
        self.hyperparam_bounds = hyperparam_bounds
        self.quantile_fraction = quantile_fraction
        self.log_config = log_config
        self.require_attrs = require_attrs
        self.synch = synch
        self.custom_explore_fn = custom_explore_fn
        self.selection = selection_of(selection)
        self.growth = growth_of(interval_growth)
        self.trust_region = TrustRegion() if trust_region is True else trust_region or None
        self.backtrack = backtrack

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """``hyperparam_bounds`` as domains, or every domain of the search space."""
        if self.hyperparam_bounds:
            return bounded(self.hyperparam_bounds, param_space)
        return mutations_from_space(param_space)

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        bounds = dict(self.mutations(param_space))
        if self.custom_explore_fn is None:
            check_has_mutations("PB2", bounds)
        dimensions(bounds)
        return core.PB2(
            bounds=bounds,
            model=gaussian_process(),
            custom_explore_fn=self.custom_explore_fn,
            trust_region=self.trust_region,
            perturbation_interval=self.perturbation_interval,
            burn_in_period=self.burn_in_period,
            quantile_fraction=self.quantile_fraction,
            require_attrs=self.require_attrs,
            attr=self.time_attr,
            synch=self.synch,
            selection=self.selection,
            growth=self.growth,
            backtrack=self.backtrack,
        )


def gaussian_process() -> Proposer:
    """The model's ``propose``.

    Raises:
        SettingsError: If numpy isn't installed.
    """
    imported("numpy", "PB2's model needs numpy", "pb2")
    from pbtune.models.gp import propose  # noqa: PLC0415  imports numpy

    return propose


def bounded(
    bounds: Mapping[str, Any], param_space: Mapping[str, object], prefix: str = ""
) -> dict[str, object]:
    """Bounds as domains, on the scale and of the type that the search space gives them.

    Raises:
        SpaceError: If something is neither [low, high] nor a domain.
    """
    found: dict[str, object] = {}
    for key, given in bounds.items():
        path, inside = f"{prefix}{key}", param_space.get(key)
        if isinstance(given, Mapping):
            inner = cast("Mapping[str, object]", inside) if isinstance(inside, Mapping) else {}
            found[key] = bounded(cast("Mapping[str, Any]", given), inner, f"{path}/")
        elif is_domain(given):
            found[key] = given
        else:
            found[key] = _domain(given, inside, path)
    return found


def _domain(given: object, inside: object, path: str) -> Float | Integer:
    is_pair = isinstance(given, Sequence) and not isinstance(given, str) and len(given) == PAIR
    low, high = cast("Sequence[float]", given) if is_pair else (1.0, 0.0)
    if not all(isinstance(it, (int, float)) for it in (low, high)) or not low < high:
        message = (
            f"hyperparam_bounds[{path!r}] must be [low, high] with low < high, a domain or"
            f" tune.choice([...]), not {given!r}"
        )
        raise SpaceError(message)
    if isinstance(inside, Integer):
        return Integer(int(low), int(high), is_log=inside.is_log and low > 0, q=inside.q)
    if isinstance(inside, Float):
        return Float(float(low), float(high), is_log=inside.is_log and low > 0, q=inside.q)
    return Float(float(low), float(high))


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
