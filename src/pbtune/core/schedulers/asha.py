"""Asynchronous Successive Halving (Li et al. 2018, arXiv:1810.05934), in its stopping form.

A trial that reaches a rung (a milestone of its bracket) goes on if it is among the best 1/eta of
those that have reached it before, and is stopped otherwise. Nobody waits for anybody.

Departures from the paper: trials are stopped and not promoted, as in Ray Tune: a trial goes on at
once, and the first one at a rung always does.
Departures from Ray Tune 2.60: a NaN is worse than every number, where Tune lets it go on; a report
that skips rungs is measured at the highest that it has reached, and never later at the others; the
draw of the bracket depends on seed and trial alone.
"""

import functools
import math
from collections.abc import Sequence
from typing import final

from pbtune.core.decisions import Completed, Decision, Measured
from pbtune.core.events import Report
from pbtune.core.experiment import Experiment
from pbtune.core.lease import Rule
from pbtune.core.milestones import scores_at
from pbtune.core.objective import Objective
from pbtune.core.ranking import Entry
from pbtune.core.rng import rng_for
from pbtune.core.schedulers.early_stopping import AbstractEarlyStopping
from pbtune.core.trial import Trial


@final
class ASHA(AbstractEarlyStopping, frozen=True, kw_only=True):
    """Stops what is not among the best 1/eta at a rung.

    Args:
        max_t: Units of ``attr`` after which every trial ends, > 0.
        grace_period: The lowest rung of bracket 0, in (0, max_t].
        reduction_factor: Eta: the ratio between rungs, and of those who go on; > 1.
        brackets: How many brackets trials are dealt to, >= 1; number s begins s rungs later.
        stop_last_trials: Whether trials end at ``max_t``.
    """

    max_t: float = 100.0
    grace_period: float = 1.0
    reduction_factor: float = 4.0
    brackets: int = 1
    stop_last_trials: bool = True

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    def rungs(self, bracket: int) -> tuple[float, ...]:
        """The milestones of a bracket, ascending; none if it begins beyond ``max_t``."""
        return _rungs(self.grace_period, self.max_t, self.reduction_factor)[bracket:]

    def bracket_of(self, trial: str, index: int, objective: Objective) -> int:
        """Drawn, with more weight for brackets that stop early."""
        del index
        sizes = [len(self.rungs(bracket)) for bracket in range(self.brackets)]
        weights = [math.exp(size - max(sizes)) for size in sizes]
        rng = rng_for(objective.seed, "bracket", trial, 0)
        return rng.choices(range(self.brackets), weights)[0]

    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """The next rung, and the end."""
        coming = [rung for rung in self.rungs(trial.bracket) if rung > trial.milestone][:1]
        rules = [Rule(self.attr, rung) for rung in coming]
        if self.stop_last_trials:
            rules.append(Rule(self.attr, self.max_t, is_stop=True))
        return tuple(rules)

    def may_yield(self, experiment: Experiment, trial: Trial) -> bool:
        """Never: whoever may go on does so at once."""
        del experiment, trial
        return False

    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """Measure a trial at the rung that it has reached, and stop it if it is not good enough."""
        progress = report.number(self.attr)
        if self.stop_last_trials and progress >= self.max_t:
            return [Completed(report.trial, f"trained for max_t = {self.max_t:g} {self.attr}")]
        measured = self._measured(experiment, report, objective)
        if measured is None:
            return []
        cutoff = self.cutoff(scores_at(experiment, measured.bracket, measured.milestone))
        score = measured.score
        if cutoff is None or score >= cutoff:
            return [measured]
        share = f"1/{self.reduction_factor:g}"
        told = f"not among the best {share} at {measured.milestone:g} {self.attr}"
        return [measured, Completed(report.trial, f"{told}: {score:.6g} < {cutoff:.6g}")]

    def on_last_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """A trial that a stop rule ends counts at the rung that it has reached."""
        measured = self._measured(experiment, report, objective)
        return [] if measured is None else [measured]

    def _measured(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> Measured | None:
        trial = experiment.trials[report.trial]
        progress = report.number(self.attr)
        reached = [rung for rung in self.rungs(trial.bracket) if trial.milestone < rung <= progress]
        if not reached:
            return None
        return Measured(
            trial=trial.id,
            bracket=trial.bracket,
            milestone=reached[-1],
            step=report.step,
            progress=progress,
            score=objective.score(report),
        )

    def cutoff(self, scores: Sequence[Entry]) -> float | None:
        """The score that the best 1/eta have at least, interpolated as a percentile.

        Args:
            scores: Those of one rung, worst first; NaN doesn't count.

        Returns:
            None if there is no number among them.
        """
        numbers = [score for is_number, score, *_ in scores if is_number]
        if not numbers:
            return None
        place = (len(numbers) - 1) * (1 - 1 / self.reduction_factor)
        below = math.floor(place)
        low, high = numbers[below], numbers[min(below + 1, len(numbers) - 1)]
        # Two infinities have no difference.
        return low if low == high or place == below else low + (place - below) * (high - low)


@functools.cache
def _rungs(first: float, last: float, eta: float) -> tuple[float, ...]:
    """Those of bracket 0."""
    rungs = [first]
    while rungs[-1] * eta <= last:
        rungs.append(first * eta ** len(rungs))
    return tuple(rungs)
