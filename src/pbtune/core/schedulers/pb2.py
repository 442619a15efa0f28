"""Population Based Bandits (Parker-Holder et al. 2020, arXiv:2002.02518), also mixed (2106.15883).

Selection as in PBT. A copy's config is the one that a Gaussian process of past intervals promises
most of: the upper confidence bound of its gain, given the donor's score and the time.

Departures from the papers: one mixed kernel for floats, ints and categories, in place of a bandit
for these; the bound adds the standard deviation, not the variance; time is counted in generations,
so that forgetting means something; log-scaled domains are modelled on the log scale; copies share
their donor's score, so no rows are invented; configs are drawn until three intervals are known.
Options after BG-PBT (Wan et al. 2022, arXiv:2207.09405): a trust region around the donor's config,
which restarts the model, and ``backtrack``. Its region is not scaled by lengthscales, a success is
any new best score, and neither architectures nor distillation are part of it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast, final

from pbtune.core.encoding import Dimension, Point, decoded, dimensions, drawn, encoded
from pbtune.core.experiment import Experiment
from pbtune.core.explore import ExploreSettings, Mutations, explore, fill_missing
from pbtune.core.objective import Objective
from pbtune.core.proposals import (
    ROW_COUNT_MIN,
    Proposer,
    Question,
    TrustRegion,
    region,
    rows_of,
)
from pbtune.core.rng import rng_for, seed_for
from pbtune.core.schedulers.population import AbstractPopulation
from pbtune.core.trial import Config, Rank, Trial


@final
class PB2(AbstractPopulation, frozen=True, kw_only=True):
    """PBT whose configs a model proposes.

    Args:
        bounds: What the model may choose, by config key: floats and ints with bounds, categories,
            or nested dicts.
        model: Gives a point for a question; its answers are recorded, never recomputed.
        custom_explore_fn: Gets the proposed config last, and returns it.
        row_count_max: Past intervals that the model sees, >= 3.
        trust_region: Where proposals may lie; None for everywhere.
    """

    bounds: Mutations
    model: Proposer
    custom_explore_fn: Callable[[Config], Config] | None = None
    row_count_max: int = 128
    trust_region: TrustRegion | None = None

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    @property
    def remembers(self) -> bool:
        """Always: the model learns from every interval."""
        return True

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The sampled config, with the keys of ``bounds`` that the search space leaves out."""
        return fill_missing(config, self.bounds, objective.seed, trial, objective.user_calls)

    def explored(
        self,
        experiment: Experiment,
        trial: Trial,
        rank: Rank,
        objective: Objective,
        proposed: Sequence[Config],
    ) -> tuple[Config, dict[str, str]]:
        """See the base class."""
        space = dimensions(self.bounds)
        config, how = rank.config, "draw"
        question = self._question(experiment, trial, rank, objective.seed, proposed)
        if question is None:
            rng = rng_for(objective.seed, "explore", trial.id, trial.decisions)
            config = drawn(rng, config, space)
        else:
            how = "model"
            ask = partial(_answered, self.model, space, config)
            config = recorded_call(ask, (question,), trial, objective)
        operations = {dimension.path: how for dimension in space}
        if self.custom_explore_fn is None:
            return config, operations
        custom = ExploreSettings(custom_explore_fn=self.custom_explore_fn)
        address = (objective.seed, trial.id, trial.decisions)
        config, done = explore(config, {}, custom, address, objective.user_calls)
        return config, {**operations, **done}

    def _question(
        self,
        experiment: Experiment,
        trial: Trial,
        rank: Rank,
        seed: int,
        proposed: Sequence[Config],
    ) -> Question | None:
        """What to ask the model; None while there is too little to learn from."""
        space = dimensions(self.bounds)
        side, start = 2.0, 0
        if self.trust_region is not None:
            side, start = region(experiment.history, self.trust_region)
        rows = rows_of(experiment.history[start:], space, self.row_count_max)
        if not space or len(rows) < ROW_COUNT_MIN:
            return None
        others = [it for it in experiment.trials.values() if it.is_live and it.id != trial.id]
        counts = _category_counts(space)
        return Question(
            rows=rows,
            centre=encoded(rank.config, space),
            generation=rank.generation + 1,
            score=rank.score,
            pending=tuple(
                encoded(config, space) for config in [*(it.config for it in others), *proposed]
            ),
            category_counts=counts,
            seed=seed_for(seed, "model", trial.id, trial.decisions),
            side=side,
            changes_max=max(1, round(side * len(counts))),
        )


def _category_counts(space: Sequence[Dimension]) -> tuple[int, ...]:
    return tuple(
        len(getattr(dimension.domain, "categories", ()))
        for dimension in space
        if dimension.is_category
    )


def _answered(
    model: Callable[[Question], Point],
    space: Sequence[Dimension],
    config: Config,
    question: Question,
) -> Config:
    return decoded(model(question), config, space)


def recorded_call(
    function: Callable[..., Config],
    args: tuple[object, ...],
    trial: Trial,
    objective: Objective,
) -> Config:
    """A whole config from outside the core, under the address at which its record is found."""
    # ``verify`` answers calls at this address with the recorded config.
    address = f"{objective.seed}/explore/{trial.id}/{trial.decisions}/custom_explore_fn"
    return cast("Config", objective.user_calls.call(function, args, address))
