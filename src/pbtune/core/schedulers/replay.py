"""Replay of a schedule that population based training found: one trial, whose config changes.

As Ray Tune's ``PopulationBasedTrainingReplay``. A change is a copy of the trial's own checkpoint
under another config, at its first report from the change's iteration on that carries one.

Departures from Ray Tune 2.60: keys that the schedule lacks come from the search space; a change
waits for a checkpoint, where Tune goes on from an older one or from nothing; after a report that
has passed several changes, the last of them holds.
"""

import copy
from collections.abc import Mapping
from typing import Final, cast, final

from pbtune.core.decisions import Decision, Ranked, Skipped
from pbtune.core.events import Report
from pbtune.core.experiment import Experiment
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.scheduled import changed
from pbtune.core.trial import Config, Trial
from pbtune.errors import SettingsError

STEPS: Final = "training_iteration"


@final
class Replay(AbstractScheduler, frozen=True, kw_only=True):
    """One trial under a schedule.

    Args:
        initial: The config to begin with; what it lacks is the search space's.
        changes: (training iteration from which it holds, config), ascending.
    """

    initial: Config
    changes: tuple[tuple[int, Config], ...] = ()

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    @property
    def time_attr(self) -> str:
        """Reports are counted."""
        return STEPS

    def needed(self, objective: Objective) -> tuple[tuple[str, str], ...]:
        """The metric, if there is one: results are compared by it."""
        return () if objective.metric is None else ((objective.metric, "results are ranked by"),)

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The schedule's first.

        Raises:
            SettingsError: If there is nothing to train with.
        """
        del trial, objective
        first = overlaid(config, self.initial)
        if not first:
            message = "the policy holds no config, and param_space none: there is nothing to train"
            raise SettingsError(message)
        return first

    def _due(self, trial: Trial) -> tuple[float, float] | None:
        """The next change: where a report with a checkpoint makes it, and where one is missed."""
        coming = [start for start, _ in self.changes if start > trial.interval_start]
        if not coming:
            return None
        return coming[0], 2 * coming[0] - trial.interval_start

    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """The next change, which needs a checkpoint: training goes on from it."""
        due = self._due(trial)
        if due is None:
            return ()
        return (Rule(STEPS, due[0], needs_checkpoint=True), Rule(STEPS, due[1]))

    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """Rank the trial for the record, and change its config."""
        trial = experiment.trials[report.trial]
        due, progress = self._due(trial), report.number(STEPS)
        if due is None or not progress >= due[report.checkpoint is None]:
            return []
        ranked = Ranked(
            trial=trial.id,
            step=report.step,
            score=objective.score(report),
            progress=progress,
            time_total_s=report.time_total_s,
            checkpoint=report.checkpoint,
        )
        passed = [config for start, config in self.changes if start <= progress]
        config = overlaid(trial.config, passed[-1])
        if config == trial.config:
            return [ranked]
        if report.checkpoint is None:
            return [ranked, Skipped(trial.id, "it has no checkpoint to go on from")]
        return [ranked, changed(trial, ranked, report.checkpoint, config)]


def overlaid(config: Mapping[str, object], new: Mapping[str, object]) -> Config:
    """A config with another one's values where both have them, or only the other."""
    merged = dict(config)
    for key in new:
        old, value = config.get(key), new[key]
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = overlaid(cast("Config", old), cast("Config", value))
        else:
            merged[key] = copy.deepcopy(new[key])
    return merged
