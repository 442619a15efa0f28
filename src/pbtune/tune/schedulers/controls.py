"""Controls: what a method has to beat before it is worth its trouble."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from pbtune.core.explore import mutated_paths, mutations_from_space
from pbtune.core.pacing import Growth
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.schedulers.scheduled import Cosine, Fixed, Scheduled
from pbtune.core.selection import AbstractSelection
from pbtune.core.space import Float
from pbtune.errors import SpaceError
from pbtune.tune.modes import check_mode
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.options import check, check_population, growth_of, selection_of


@final
class RandomSearch(AbstractTuneScheduler):
    """Every member keeps its sampled config, and trains to its end.

    Args:
        metric: The metric to compare by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
    """

    def __init__(self, metric: str | None = None, mode: str | None = None) -> None:
        check_mode(mode)
        self.metric = metric
        self.mode = mode

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        del param_space
        return FIFO()

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing."""
        del param_space
        return {}


@final
class CosineDecay(AbstractTuneScheduler):
    """Random search whose members decay what they sampled, along half a cosine.

    Args:
        paths: The '/'-joined hyperparameters that decay; by default all log-scaled floats.
        total: Units of ``time_attr`` that a member trains, > 0.
        interval: Units of ``time_attr`` between two changes, > 0; by default 50 in all.
        final_fraction: What is left of them at the end, as a share in [0, 1].
        time_attr: The reported key that progress is counted in.
        metric: The metric to compare by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.

    Raises:
        SettingsError: If a value is out of its range.
    """

    log_config = False

    def __init__(  # noqa: PLR0913  as Tune's own signature of PBT
        self,
        *,
        total: float,
        paths: Sequence[str] = (),
        interval: float | None = None,
        final_fraction: float = 0.0,
        time_attr: str = "training_iteration",
        metric: str | None = None,
        mode: str | None = None,
    ) -> None:
        check_mode(mode)
        check("total", total, total > 0, "> 0")
        check("interval", interval, interval is None or interval > 0, "> 0")
        check("final_fraction", final_fraction, 0 <= final_fraction <= 1, "in [0, 1]")
        self.metric = metric
        self.mode = mode
        self.total = total
        self.paths = tuple(paths)
        self.interval = interval or total / 50
        self.final_fraction = final_fraction
        self.time_attr = time_attr

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """The domains that decay."""
        return _only(mutations_from_space(param_space), self.paths, "")

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        paths = self.paths or mutated_paths(self.mutations(param_space))
        if not paths:
            message = (
                "CosineDecay has nothing to decay: name paths, or put a domain such as"
                " tune.loguniform(1e-4, 1e-1) into param_space"
            )
            raise SpaceError(message)
        plan = Cosine(tuple(paths), self.total, self.final_fraction)
        return Scheduled(plan=plan, interval=self.interval, attr=self.time_attr)


def _only(space: Mapping[str, object], paths: Sequence[str], prefix: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in space.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            inner = _only(value, paths, f"{path}/")
            if inner:
                found[key] = inner
        elif path in paths or (not paths and isinstance(value, Float) and value.is_log):
            found[key] = value
    return found


@final
class FixedSchedule(AbstractTuneScheduler):
    """Every member trains under one schedule.

    Args:
        pieces: {progress from which it holds: {'/'-joined path: value}}.
        interval: Units of ``time_attr`` between two looks at the schedule, > 0.
        time_attr: The reported key that progress is counted in.
        metric: The metric to compare by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.

    Raises:
        SettingsError: If a value is out of its range.
    """

    log_config = False

    def __init__(
        self,
        pieces: Mapping[float, Mapping[str, Any]],
        *,
        interval: float = 1.0,
        time_attr: str = "training_iteration",
        metric: str | None = None,
        mode: str | None = None,
    ) -> None:
        check_mode(mode)
        check("pieces", pieces, len(pieces) > 0, "at least one piece")
        check("interval", interval, interval > 0, "> 0")
        self.metric = metric
        self.mode = mode
        self.pieces = {float(start): dict(values) for start, values in pieces.items()}
        self.interval = interval
        self.time_attr = time_attr

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing: it draws nothing."""
        del param_space
        return {}

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        del param_space
        plan = Fixed(tuple(sorted(self.pieces.items(), key=lambda piece: piece[0])))
        return Scheduled(plan=plan, interval=self.interval, attr=self.time_attr)


@final
class ExploitOnly(AbstractTuneScheduler):
    """PBT that copies weights and configs and perturbs nothing: selection alone.

    Args:
        time_attr: The reported key that intervals are counted in.
        metric: The metric to rank by; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
        perturbation_interval: Units of ``time_attr`` between two comparisons of a member, > 0.
        quantile_fraction: Share of the population that copies, and that is copied; in [0, 0.5].
        synch: Whether ready members wait for each other.
        selection: "truncation", "tournament", "t-test", "gap", or one of their structs.
        interval_growth: Double the interval every so many generations, or on "stagnation".

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(  # noqa: PLR0913  as Tune's own signature of PBT
        self,
        *,
        time_attr: str = "time_total_s",
        metric: str | None = None,
        mode: str | None = None,
        perturbation_interval: float = 60.0,
        quantile_fraction: float = 0.25,
        synch: bool = False,
        selection: str | AbstractSelection = "truncation",
        interval_growth: str | int | Growth | None = None,
    ) -> None:
        check_mode(mode)
        check_population(perturbation_interval, 0.0, quantile_fraction)
        self.metric = metric
        self.mode = mode
        self.time_attr = time_attr
        self.perturbation_interval = perturbation_interval
        self.quantile_fraction = quantile_fraction
        self.synch = synch
        self.selection = selection_of(selection)
        self.growth = growth_of(interval_growth)

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing."""
        del param_space
        return {}

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        del param_space
        return PBT(
            mutations={},
            perturbation_interval=self.perturbation_interval,
            quantile_fraction=self.quantile_fraction,
            attr=self.time_attr,
            synch=self.synch,
            selection=self.selection,
            growth=self.growth,
        )
