"""Population Based Training (Jaderberg et al. 2017, arXiv:1711.09846), asynchronous.

A member is ready at its first report past its interval that carries a checkpoint, or at twice the
interval without one. Then it is ranked by this report; if it is in the bottom quantile, it goes on
from the ranked checkpoint of a member of the top, with that member's config explored.

Departures from the paper: the fraction and the factors are Tune's (25 %, 1.2 and 0.8); perturbed
values stay in their domain; NaN ranks last.
Departures from Ray Tune 2.60: any ranked checkpoint of a donor will do, not only one made at its
own last interval in the top; NaN members are replaced, first of all; a copy that finds no donor is
recorded with the reason. As in Tune, a copy keeps its own old rank until it is ready again.
"""

from typing import Final, final

import msgspec

from pbtune.core.decisions import Decision, Exploited, Ranked, Skipped
from pbtune.core.events import Report
from pbtune.core.experiment import Experiment
from pbtune.core.explore import ExploreSettings, Mutations, explore, fill_missing
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.ranking import quantiles
from pbtune.core.rng import rng_for
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.trial import Config, Rank, Trial

AUTO_FILLED: Final = frozenset({"training_iteration", "time_total_s"})
STALE_COPY_COUNT_MAX: Final = 10
"""Copies in a row that begin no further on, before a member is left to train by itself.

Donors that hang, or that get no slot because the copy is always behind them, would else be copied
for ever, and nobody would get further than they did.
"""


@final
class PBT(AbstractScheduler, frozen=True):
    """Truncation selection, perturb or resample.

    Args:
        mutations: What explore may change, by config key; the values are domains, lists, callables
            or nested dicts.
        time_attr: The reported key that intervals are counted in.
        perturbation_interval: Units of ``time_attr`` between two readinesses, > 0.
        burn_in_period: Units of ``time_attr`` before the first one, >= 0.
        quantile_fraction: Share of the population in the bottom, and in the top; in [0, 0.5].
        exploration: How a config is perturbed.
        require_attrs: Whether a report without metric or time_attr is an error.
    """

    mutations: Mutations
    perturbation_interval: float = 60.0
    burn_in_period: float = 0.0
    quantile_fraction: float = 0.25
    exploration: ExploreSettings = ExploreSettings()
    require_attrs: bool = True
    attr: str = "time_total_s"

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    @property
    def time_attr(self) -> str:
        """See the base class."""
        return self.attr

    def needed(self, objective: Objective) -> tuple[tuple[str, str], ...]:
        """Metric and time attribute, unless ``require_attrs`` is off."""
        if not self.require_attrs or objective.metric is None:
            return ()
        needed = [(objective.metric, "PBT ranks by")]
        if self.attr not in AUTO_FILLED:
            needed.append((self.attr, "PBT counts its intervals in"))
        return tuple(needed)

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The sampled config, with the mutated keys that the search space leaves out."""
        return fill_missing(config, self.mutations, objective.seed, trial, objective.user_calls)

    def _due(self, trial: Trial) -> tuple[float, float]:
        """Progress at which a report with a checkpoint is ready, and one without."""
        start, interval = trial.interval_start, self.perturbation_interval
        return (
            max(start + interval, self.burn_in_period),
            max(start + 2 * interval, self.burn_in_period),
        )

    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """Both bounds of readiness."""
        due, overdue = self._due(trial)
        return (Rule(self.attr, due, needs_checkpoint=True), Rule(self.attr, overdue))

    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """Rank a ready member, and replace it if it is in the bottom."""
        trial = experiment.trials[report.trial]
        progress = report.number(self.attr)
        due, overdue = self._due(trial)
        # NaN, from a report without time_attr, is never due.
        if not progress >= (overdue if report.checkpoint is None else due):
            return []
        ranked = Ranked(
            trial=trial.id,
            step=report.step,
            score=objective.score(report),
            progress=progress,
            time_total_s=report.time_total_s,
            checkpoint=report.checkpoint,
        )
        ranking = experiment.ranking_with(trial, ranked.score)
        bottom, top = quantiles(ranking, self.quantile_fraction)
        if not any(name == trial.id for *_, name in bottom):
            return [ranked]
        donors = [experiment.trials[name] for is_number, *_, name in top if is_number]
        return [ranked, self._replace(trial, donors, objective)]

    def _replace(
        self, trial: Trial, donors: list[Trial], objective: Objective
    ) -> Exploited | Skipped:
        ready = [
            (donor, donor.rank)
            for donor in donors
            if donor.rank is not None and donor.rank.checkpoint is not None
        ]
        if not ready:
            why = "no member of the top has a checkpoint" if donors else "every score is NaN"
            return Skipped(trial.id, why)
        rng = rng_for(objective.seed, "exploit", trial.id, trial.decisions)
        donor, rank = rng.choice(ready)
        is_stale = rank.progress <= trial.source_progress
        if is_stale and trial.stale_copy_count >= STALE_COPY_COUNT_MAX:
            return Skipped(trial.id, f"{donor.id} is no further on than the last copies began")
        return self._exploited(trial, donor, rank, objective)

    def _exploited(self, trial: Trial, donor: Trial, rank: Rank, objective: Objective) -> Exploited:
        config, operations = explore(
            rank.config,
            self.mutations,
            self.exploration,
            (objective.seed, trial.id, trial.decisions),
            objective.user_calls,
        )
        return Exploited(
            trial=trial.id,
            donor=donor.id,
            config_donor=donor.id,
            config=config,
            checkpoint=rank.checkpoint or "",
            step=rank.step,
            progress=rank.progress,
            time_total_s=rank.time_total_s,
            score=rank.score,
            old_step=trial.step,
            old_config=trial.config,
            operations=operations,
        )


def with_mutations(scheduler: PBT, mutations: Mutations) -> PBT:
    """The same scheduler with other mutations: those found in the search space."""
    return msgspec.structs.replace(scheduler, mutations=mutations)
