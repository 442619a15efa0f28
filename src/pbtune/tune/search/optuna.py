"""``OptunaSearch``: Optuna chooses the first members. The extra ``[optuna]`` installs it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast, final

from pbtune.core.sampling import Initial
from pbtune.core.space import Categorical, Float, Integer, is_grid
from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.optional import imported
from pbtune.tune.places import elsewhere
from pbtune.tune.search.base import AbstractSearcher, Wanted, checked_points
from pbtune.tune.search.basic_variant import stored_points

_NAME: Final = "ray.tune.search.optuna.OptunaSearch"
Chosen = Float | Integer | Categorical


@final
class OptunaSearch(AbstractSearcher):
    """Optuna's samplers for the first members; the scheduler changes their configs from then on.

    Normal distributions, ``sample_from`` and grids are left to pbtune: Optuna has none.

    Args:
        space: Not here: Optuna gets ``param_space``.
        metric: The metric to optimise; or in TuneConfig, but not in both.
        mode: "max" or "min"; likewise.
        points_to_evaluate: Configs, or parts of configs, that are tried first.
        sampler: One of ``optuna.samplers``; ``TPESampler`` with the run's seed if left out.
        study_name: The study's name in Optuna.
        storage: Accepted as None only: a study lasts as long as it takes to choose.
        seed: The sampler's seed, and the run's where TuneConfig has none.
        evaluated_rewards: What ``points_to_evaluate`` reached earlier, one a point: then they are
            not tried again, and the sampler learns from them.

    Raises:
        SettingsError: If a value is not of its kind, or without Optuna.
        NotInPbtune: If an argument needs what pbtune doesn't have.
    """

    def __init__(  # noqa: PLR0913, PLR0917  Tune's own signature
        self,
        space: object = None,
        metric: str | None = None,
        mode: str | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        sampler: object = None,
        study_name: str | None = None,
        storage: object = None,
        seed: int | None = None,
        evaluated_rewards: Sequence[float] | None = None,
    ) -> None:
        for name, value, why in (
            ("space", space, "give the search space as param_space"),
            ("storage", storage, "the study lasts only until the first members are chosen"),
        ):
            if value is not None:
                full = f"{_NAME}({name}=...)"
                raise NotInPbtune(full, why)
        for name, several in (("metric", metric), ("mode", mode)):
            if isinstance(several, (list, tuple)):
                full = f"{_NAME}({name}=[...])"
                raise NotInPbtune(full, "a population is ranked by one metric")
        if mode not in {None, "max", "min"}:
            message = f'mode must be "max" or "min", not {mode!r}'
            raise SettingsError(message)
        self.points_to_evaluate = checked_points(points_to_evaluate)
        self.evaluated_rewards = None if evaluated_rewards is None else list(evaluated_rewards)
        count = len(self.points_to_evaluate)
        if self.evaluated_rewards is not None and len(self.evaluated_rewards) != count:
            message = f"evaluated_rewards must be one a point: {count} of them"
            raise SettingsError(message)
        if seed is not None and not isinstance(seed, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"seed must be an int or None, not {seed!r}"
            raise SettingsError(message)
        optuna = _optuna()
        if sampler is not None and not isinstance(sampler, optuna.samplers.BaseSampler):
            message = f"sampler must be one of optuna.samplers, not {sampler!r}"
            raise SettingsError(message)
        self.metric = metric
        self.mode = mode
        self.seed = seed
        self.sampler = sampler
        self.study_name = study_name

    def initial(self, wanted: Wanted) -> Initial:
        """See the base class."""
        domains = dict(_domains(wanted.space, ""))
        points = stored_points(self.points_to_evaluate, wanted)
        if not domains:
            return Initial(() if self.evaluated_rewards is not None else points)
        logging = _optuna().logging
        verbosity = logging.get_verbosity()
        # Optuna says on stderr that a study was made; nobody asked.
        logging.set_verbosity(logging.WARNING)
        try:
            return Initial(self._asked(domains, points, wanted))
        finally:
            logging.set_verbosity(verbosity)

    def _asked(
        self,
        domains: Mapping[str, Chosen],
        points: Sequence[dict[str, object]],
        wanted: Wanted,
    ) -> tuple[dict[str, object], ...]:
        optuna = _optuna()
        study = optuna.create_study(
            study_name=self.study_name,
            sampler=self.sampler or optuna.samplers.TPESampler(seed=wanted.seed),
            direction="minimize" if (self.mode or wanted.mode) == "min" else "maximize",
        )
        space = {path: _distribution(domain) for path, domain in domains.items()}
        first: list[dict[str, object]] = []
        if self.evaluated_rewards is None:
            # Beside Optuna: a point may have values that are outside a distribution.
            first = list(points)
        else:
            for point, reward in zip(points, self.evaluated_rewards, strict=True):
                known = _coded(point, domains)
                distributions = {path: space[path] for path in known}
                trial = optuna.trial.create_trial(
                    params=known, distributions=distributions, value=float(reward)
                )
                study.add_trial(trial)
        for _ in range(wanted.num_samples - len(first)):
            asked = study.ask(space).params
            first.append({path: _value(domains[path], it) for path, it in asked.items()})
        return tuple(first)


def _optuna() -> Any:  # noqa: ANN401  a module
    return imported("optuna", "OptunaSearch needs Optuna", "optuna")


def _distribution(domain: Chosen) -> Any:  # noqa: ANN401  Optuna's
    made = _optuna().distributions
    if isinstance(domain, Categorical):
        # By position: Optuna stores only plain values, and a category may be anything.
        return made.CategoricalDistribution(list(range(len(domain.categories))))
    # Optuna has no steps on a logarithmic scale: pbtune rounds.
    if isinstance(domain, Integer):
        step = 1 if domain.is_log else domain.q
        return made.IntDistribution(domain.lower, domain.upper, log=domain.is_log, step=step)
    step = None if domain.is_log else domain.q
    return made.FloatDistribution(domain.lower, domain.upper, log=domain.is_log, step=step)


def _domains(space: Mapping[str, object], prefix: str) -> Iterator[tuple[str, Chosen]]:
    for key, value in space.items():
        if isinstance(value, (Float, Integer, Categorical)):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping) and not is_grid(value):
            yield from _domains(cast("Mapping[str, object]", value), f"{prefix}{key}/")


def _value(domain: Chosen, drawn: Any) -> object:  # noqa: ANN401  Optuna's
    if isinstance(domain, Categorical):
        return domain.categories[drawn]
    return domain.clip(drawn)


def _coded(point: Mapping[str, object], domains: Mapping[str, Chosen]) -> dict[str, object]:
    """What Optuna is told of a point: the values that it has a distribution for."""
    known: dict[str, object] = {}
    for path, domain in domains.items():
        value: object = point
        for part in [path] if path in point else path.split("/"):
            value = (
                cast("Mapping[str, object]", value).get(part)
                if isinstance(value, Mapping)
                else None
            )
        if value is not None and domain.contains(value):
            is_choice = isinstance(domain, Categorical)
            known[path] = domain.categories.index(value) if is_choice else value
    return known


__path__: list[str] = []  # Ray has a package of this name; ``places`` finds its module


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
