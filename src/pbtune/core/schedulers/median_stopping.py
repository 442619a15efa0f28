"""The median stopping rule (Golovin et al. 2017, "Google Vizier", section 3.2.2).

A trial is stopped if its best score so far is worse than the median of the others' mean scores up
to the same progress. Every report is looked at, and costs a walk over the trials: the rule is a
median over them.

Trials whose mean is no finite number are no samples, as in Tune.

Departures from Ray Tune 2.60: the last report of a trial counts once; steps that are done again
after a crash count once; with ``hard_stop=False`` a trial goes on while no other wants its slot,
where Tune pauses it even if slots are free.
"""

from typing import Final, final

from pbtune.core.decisions import Completed, Decision, Deferred, Traced
from pbtune.core.events import Report
from pbtune.core.experiment import Experiment
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.schedulers.early_stopping import AbstractEarlyStopping
from pbtune.core.trial import Trial

HALF: Final = 2


@final
class MedianStopping(AbstractEarlyStopping, frozen=True, kw_only=True):
    """Stops what is worse than the median of the others' running means.

    Args:
        grace_period: Units of ``attr`` before a trial can be stopped, and before its scores count
            in its mean, >= 0.
        min_samples_required: How many other trials must be as far, >= 1.
        min_time_slice: Units of ``attr`` that a trial trains at least before it yields its slot,
            while too few others are as far.
        hard_stop: Whether a bad trial ends; else it goes on only while nobody else wants its slot.
    """

    attr: str = "time_total_s"
    grace_period: float = 60.0
    min_samples_required: int = 3
    min_time_slice: float = 0.0
    hard_stop: bool = True

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    @property
    def observes_all(self) -> bool:
        """It does: means are over all reports."""
        return True

    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """None besides that every report blocks."""
        del trial
        return ()

    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """Remember a score, and end or defer its trial if that is worse than the median."""
        traced = self._traced(experiment, report, objective)
        if traced is None:
            return []
        trial = experiment.trials[report.trial]
        if traced.progress < self.grace_period or trial.is_deferred:
            return [traced]
        means = self._means(experiment, trial, traced.progress)
        if len(means) < self.min_samples_required:
            return [traced]
        best = trial.trace.with_point(traced.progress, traced.score, counts=True).best
        middle = median(means)
        if middle <= best:
            return [traced]
        reason = (
            f"at {traced.progress:g} {self.attr} its best score {best:.6g} is below the median"
            f" {middle:.6g} of {len(means)} others' means"
        )
        if self.hard_stop:
            return [traced, Completed(trial.id, reason)]
        return [traced, Deferred(trial.id, reason)]

    def on_last_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """It counts for the others."""
        traced = self._traced(experiment, report, objective)
        return [] if traced is None else [traced]

    def may_yield(self, experiment: Experiment, trial: Trial) -> bool:
        """If it is deferred, or if too few others are as far as it is."""
        if trial.is_deferred:
            return True
        progress = trial.progress
        if progress < self.grace_period or not progress - trial.yielded_at > self.min_time_slice:
            return False
        return len(self._means(experiment, trial, progress)) < self.min_samples_required

    def _traced(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> Traced | None:
        """None for a report that is no further on: it was made before a crash, too."""
        trace, progress = experiment.trials[report.trial].trace, report.number(self.attr)
        if not progress > trace.end:
            return None
        counts = progress >= self.grace_period
        return Traced(report.trial, progress, objective.score(report), counts)

    def _means(self, experiment: Experiment, trial: Trial, progress: float) -> list[float]:
        """The means of those others that are as far, ended ones too."""
        means = [
            it.trace.mean(progress)
            for it in experiment.trials.values()
            if it.id != trial.id and it.trace.end >= progress
        ]
        return [mean for mean in means if mean is not None]


def median(values: list[float]) -> float:
    """The middle of some finite numbers, at least one."""
    ordered = sorted(values)
    at = len(ordered) // HALF
    return ordered[at] if len(ordered) % HALF else (ordered[at - 1] + ordered[at]) / HALF
