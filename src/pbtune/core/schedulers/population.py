"""What the methods of population based training have in common: readiness, the gate, the copy.

A method says how a copied config is explored, and may judge a whole generation in its own way.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Final

from pbtune.core.decisions import (
    Decision,
    Exploited,
    GateOpened,
    IntervalGrown,
    Pinned,
    Ranked,
    Skipped,
)
from pbtune.core.events import Event, Report, Waited
from pbtune.core.experiment import Experiment
from pbtune.core.fold import fold
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.pacing import Growth, interval_of, stale_generations
from pbtune.core.ranking import Entry, quantiles
from pbtune.core.rng import rng_for
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.selection import AbstractSelection, Contest, Truncation
from pbtune.core.trial import Config, Rank, Status, Trial

AUTO_FILLED: Final = frozenset({"training_iteration", "time_total_s"})
STALE_COPY_COUNT_MAX: Final = 10
"""Copies in a row that begin no further on, before a member is left to train by itself.

Donors that hang, or that get no slot because the copy is always behind them, would else be copied
for ever, and nobody would get further than they did.
"""
NO_CHECKPOINT: Final = "no member of the top has a checkpoint"
ALL_NAN: Final = "every score is NaN"


class AbstractPopulation(AbstractScheduler, frozen=True):
    """Ready members are ranked, and may go on as copies of others.

    Args:
        attr: The reported key that intervals are counted in.
        perturbation_interval: Units of ``attr`` between two readinesses, > 0.
        burn_in_period: Units of ``attr`` before the first one, >= 0.
        quantile_fraction: Share of the population in the bottom, and in the top; in [0, 0.5].
        require_attrs: Whether a report without metric or ``attr`` is an error.
        synch: Whether ready members wait for each other.
        replace_failed: Whether a member that failed for good is replaced at the next gate, by a
            copy of a survivor; only with ``synch``.
        straggler_timeout_s: How long members at the gate wait for the others; only with ``synch``.
        selection: Who is replaced, and by whom.
        growth: How intervals grow; None if they don't.
        backtrack: Whether copies are made of the best checkpoint ever, instead of a member's last.
    """

    perturbation_interval: float = 60.0
    burn_in_period: float = 0.0
    quantile_fraction: float = 0.25
    require_attrs: bool = True
    attr: str = "time_total_s"
    synch: bool = False
    replace_failed: bool = False
    straggler_timeout_s: float | None = None
    selection: AbstractSelection = Truncation()
    growth: Growth | None = None
    backtrack: bool = False

    @abstractmethod
    def explored(
        self,
        experiment: Experiment,
        trial: Trial,
        rank: Rank,
        objective: Objective,
        proposed: Sequence[Config],
    ) -> tuple[Config, dict[str, str]]:
        """The config of a copy, and what was done to each path.

        Args:
            experiment: The state before the decision.
            trial: The member that becomes a copy.
            rank: The donor's ranked report.
            objective: Metric, direction, seed, and the door to the user's callables.
            proposed: Configs that were given out since the state, at the same gate.
        """

    @property
    def remembers(self) -> bool:
        """Whether intervals join the run's history."""
        return self.selection.needs_scores

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

    def _due(self, trial: Trial) -> tuple[float, float]:
        """Progress at which a report with a checkpoint is ready, and one without."""
        start = trial.interval_start
        interval = interval_of(trial, self.perturbation_interval, self.growth)
        return (
            max(start + interval, self.burn_in_period),
            max(start + 2 * interval, self.burn_in_period),
        )

    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """Both bounds of readiness."""
        due, overdue = self._due(trial)
        return (Rule(self.attr, due, needs_checkpoint=True), Rule(self.attr, overdue))

    def values(self, report: Report, objective: Objective) -> tuple[float, ...]:
        """One score a metric, if there are several; larger is better."""
        del report, objective
        return ()

    def ordered(
        self,
        experiment: Experiment,
        ranking: Sequence[Entry],
        newest: tuple[str, tuple[float, ...]] | None,
    ) -> Sequence[Entry]:
        """The ranking that selection goes by, worst first.

        Args:
            experiment: The state.
            ranking: By the run's own metric, worst first.
            newest: A trial, and the values of its report that isn't in the state yet.
        """
        del experiment, newest
        return ranking

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
            waits=self.synch,
            remembered=self.remembers,
            values=self.values(report, objective),
        )
        if self.synch:
            return [ranked]
        pins = self._pins(experiment, ranked.trial, ranked.score, ranked.checkpoint)
        ranking = self.ordered(
            experiment,
            experiment.ranking_with(trial, ranked.score),
            (trial.id, ranked.values),
        )
        found = self._rivals(experiment, trial, ranking, ranked.score, objective)
        grown = self._grown(experiment, ranked)
        if found is None:
            return [ranked, *grown, *pins]
        donors = [experiment.trials[name] for name in found]
        copied = self._replace(experiment, trial, donors, objective, ())
        # The pin moves last: the copy may be of the checkpoint that was pinned until now.
        return [ranked, *grown, copied, *pins]

    def _pins(
        self, experiment: Experiment, trial: str, score: float, checkpoint: str | None
    ) -> list[Decision]:
        best = -math.inf if experiment.pin is None else experiment.pin.rank.score
        if not self.backtrack or checkpoint is None or not score > best:
            return []
        return [Pinned(trial, checkpoint, score)]

    def _pins_at_gate(self, experiment: Experiment, ranking: Sequence[Entry]) -> list[Decision]:
        """The best of the gate, if it is the best ever."""
        for is_number, score, _, name in reversed(ranking):
            rank = experiment.trials[name].rank
            if is_number and rank is not None and rank.checkpoint is not None:
                return self._pins(experiment, name, score, rank.checkpoint)
        return []

    def _grown(self, experiment: Experiment, ranked: Ranked | None = None) -> list[Decision]:
        """A longer interval, if the population has stopped improving."""
        growth = self.growth
        if growth is None or growth.patience is None:
            return []
        if ranked is not None and ranked.score > experiment.best_score:
            return []
        if stale_generations(experiment) < growth.patience:
            return []
        interval = (experiment.interval or self.perturbation_interval) * growth.factor
        return [IntervalGrown(interval, f"no new best in {growth.patience} generations")]

    def _rivals(
        self,
        experiment: Experiment,
        trial: Trial,
        ranking: Sequence[Entry],
        score: float,
        objective: Objective,
    ) -> list[str] | None:
        rng = rng_for(objective.seed, "select", trial.id, trial.decisions)
        scores = trial.scores if self.synch else (*trial.scores, score)
        contest = Contest(trial.id, ranking, experiment.trials, self.quantile_fraction, rng, scores)
        return self.selection.rivals(contest)

    @property
    def is_synchronous(self) -> bool:
        """See the base class."""
        return self.synch

    @property
    def gate_timeout_s(self) -> float | None:
        """See the base class."""
        return self.straggler_timeout_s

    def at_gate(
        self, experiment: Experiment, objective: Objective, *, event: Event
    ) -> list[Decision]:
        """Judge all who stand at the gate by one ranking, and let them go on."""
        absent = experiment.live_count - experiment.gated_count
        is_complete = not absent or isinstance(event, Waited)
        if not self.synch or experiment.gated_count == 0 or not is_complete:
            return []
        in_order = sorted(experiment.trials.values(), key=lambda trial: trial.index)
        gated = {trial.id for trial in in_order if trial.is_live and trial.is_gated}
        ranking = [entry for entry in experiment.ranking if entry[-1] in gated]
        pins = self._pins_at_gate(experiment, ranking)
        for pin in pins:
            experiment = fold(experiment, pin)
        decisions = self.judged(experiment, self.ordered(experiment, ranking, None), objective)
        missing = tuple(trial.id for trial in in_order if trial.is_live and trial.id not in gated)
        return [*pins, *decisions, GateOpened(experiment.generation + 1, missing)]

    def judged(
        self, experiment: Experiment, ranking: Sequence[Entry], objective: Objective
    ) -> list[Decision]:
        """What follows for the members at an open gate, in trial order.

        Args:
            experiment: The state, the same for all that is decided here.
            ranking: Those who stand at the gate, worst first.
            objective: Metric, direction, seed, and the door to the user's callables.
        """
        decisions: list[Decision] = self._grown(experiment)
        proposed: list[Config] = []
        names = {name for *_, name in ranking}
        _, top = quantiles(ranking, self.quantile_fraction)
        for trial in sorted(experiment.trials.values(), key=lambda trial: trial.index):
            found: list[str] | None = None
            if trial.id in names:
                found = self._rivals(experiment, trial, ranking, 0.0, objective)
            elif self.replace_failed and trial.status is Status.FAILED:
                found = [name for is_number, *_, name in top if is_number] or None
            if found is not None:
                donors = [experiment.trials[name] for name in found]
                copied = self._replace(experiment, trial, donors, objective, proposed)
                decisions.append(copied)
                if isinstance(copied, Exploited):
                    proposed.append(copied.config)
        return decisions

    def _replace(
        self,
        experiment: Experiment,
        trial: Trial,
        donors: Sequence[Trial],
        objective: Objective,
        proposed: Sequence[Config],
    ) -> Exploited | Skipped:
        ready = [
            (donor, donor.rank)
            for donor in donors
            if donor.rank is not None and donor.rank.checkpoint is not None
        ]
        if not ready:
            return Skipped(trial.id, NO_CHECKPOINT if donors else ALL_NAN)
        rng = rng_for(objective.seed, "exploit", trial.id, trial.decisions)
        donor, rank = rng.choice(ready)
        pin = experiment.pin if self.backtrack else None
        if pin is not None and pin.rank.score >= rank.score:
            donor, rank = experiment.trials[pin.trial], pin.rank
        is_stale = rank.progress <= trial.source_progress
        if is_stale and trial.stale_copy_count >= STALE_COPY_COUNT_MAX:
            return Skipped(trial.id, f"{donor.id} is no further on than the last copies began")
        explored = self.explored(experiment, trial, rank, objective, proposed)
        # A member's own rank here is the one before this report: only a pin leads back to it.
        # By the checkpoint: a state that was read back has two objects for one and the same report.
        is_last = donor.rank is not None and donor.rank.checkpoint == rank.checkpoint
        from_pin = not is_last or donor.id == trial.id
        return exploited(trial, (donor.id, rank), explored, from_pin=from_pin)


def exploited(
    trial: Trial,
    weights: tuple[str, Rank],
    explored: tuple[Config, dict[str, str]],
    *,
    config_donor: str | None = None,
    from_pin: bool = False,
) -> Exploited:
    """The decision that a member goes on from somebody's ranked report.

    Args:
        trial: The member.
        weights: Whose ranked report gives score, weights and progress.
        explored: The new config, and what was done to it.
        config_donor: Whose config it was; the weights' donor's if left out.
        from_pin: Whether the report is the pinned one.
    """
    donor, rank = weights
    config, operations = explored
    return Exploited(
        trial=trial.id,
        donor=donor,
        config_donor=config_donor or donor,
        config=config,
        checkpoint=rank.checkpoint or "",
        step=rank.step,
        progress=rank.progress,
        time_total_s=rank.time_total_s,
        score=rank.score,
        old_step=trial.step,
        old_config=trial.config,
        operations=operations,
        from_pin=from_pin,
    )
