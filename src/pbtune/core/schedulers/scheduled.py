"""Controls whose hyperparameters follow a plan: nobody is copied, configs change at intervals.

Two plans: cosine decay of the sampled values (random search with a cosine schedule, the rival that
papers forget), and one fixed schedule for all. A change is a copy of one's own checkpoint under
another config, so that budgets, journals and exported schedules are the same as in PBT.
"""

import copy
import math
from collections.abc import Sequence
from typing import final

import msgspec

from pbtune.core.decisions import Decision, Exploited, Ranked, Skipped
from pbtune.core.events import Report
from pbtune.core.experiment import Experiment
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.trial import Config, Trial
from pbtune.core.values import is_dict
from pbtune.errors import SettingsError


class Cosine(msgspec.Struct, frozen=True):
    """Values fall from what was sampled to a share of it, along half a cosine.

    Args:
        paths: The '/'-joined hyperparameters that decay; floats.
        total: Units of ``attr`` until the end, > 0.
        final_fraction: The share that is left at the end, in [0, 1].
    """

    paths: tuple[str, ...]
    total: float
    final_fraction: float = 0.0

    def config(self, first: Config, progress: float) -> Config:
        """The config of a member that began with ``first``."""
        new = copy.deepcopy(first)
        share = min(max(progress / self.total, 0.0), 1.0)
        factor = self.final_fraction
        factor += (1 - self.final_fraction) * (1 + math.cos(math.pi * share)) / 2
        for path in self.paths:
            parent, key = _place(new, path)
            value = parent[key]
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                message = f"cosine decay needs a number at {path!r}, not {value!r}"
                raise SettingsError(message)
            parent[key] = value * factor
        return new


class Fixed(msgspec.Struct, frozen=True):
    """One schedule for all members.

    Args:
        pieces: (progress from which it holds, values by '/'-joined path), ascending.
    """

    pieces: tuple[tuple[float, dict[str, object]], ...]

    def config(self, first: Config, progress: float) -> Config:
        """The config of a member that began with ``first``."""
        new = copy.deepcopy(first)
        for start, values in self.pieces:
            if progress >= start:
                for path, value in values.items():
                    parent, key = _place(new, path)
                    parent[key] = copy.deepcopy(value)
        return new


def _place(config: Config, path: str) -> tuple[Config, str]:
    *parents, last = path.split("/")
    for key in parents:
        inner = config.setdefault(key, {})
        if not is_dict(inner):
            message = f"the schedule names {path!r}, but {key!r} is no dict in the config"
            raise SettingsError(message)
        config = inner
    return config, last


@final
class Scheduled(AbstractScheduler, frozen=True, kw_only=True):
    """Every member for itself, under a plan.

    Args:
        plan: The config at each progress.
        interval: Units of ``attr`` between two changes, > 0.
        attr: The reported key that progress is counted in.
    """

    plan: Cosine | Fixed
    interval: float
    attr: str = "training_iteration"

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    @property
    def time_attr(self) -> str:
        """See the base class."""
        return self.attr

    def needed(self, objective: Objective) -> tuple[tuple[str, str], ...]:
        """The metric, if there is one: results are compared by it."""
        return () if objective.metric is None else ((objective.metric, "results are ranked by"),)

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The sampled config, as the plan begins."""
        del trial, objective
        return self.plan.config(config, 0.0)

    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """When the config may change: with a checkpoint, since training goes on from it."""
        due = trial.interval_start + self.interval
        overdue = due + self.interval
        return (Rule(self.attr, due, needs_checkpoint=True), Rule(self.attr, overdue))

    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """Rank a member for the record, and change its config if the plan says so."""
        trial = experiment.trials[report.trial]
        progress = report.number(self.attr)
        due = trial.interval_start + self.interval
        if not progress >= (due + self.interval if report.checkpoint is None else due):
            return []
        ranked = Ranked(
            trial=trial.id,
            step=report.step,
            score=objective.score(report),
            progress=progress,
            time_total_s=report.time_total_s,
            checkpoint=report.checkpoint,
        )
        config = self.plan.config(trial.first, progress)
        if config == trial.config:
            return [ranked]
        if report.checkpoint is None:
            return [ranked, Skipped(trial.id, "it has no checkpoint to go on from")]
        return [ranked, changed(trial, ranked, report.checkpoint, config)]


def changed(trial: Trial, ranked: Ranked, checkpoint: str, config: Config) -> Exploited:
    """The decision that a trial goes on from its own checkpoint, under another config."""
    return Exploited(
        trial=trial.id,
        donor=trial.id,
        config_donor=trial.id,
        config=config,
        checkpoint=checkpoint,
        step=ranked.step,
        progress=ranked.progress,
        time_total_s=ranked.time_total_s,
        score=ranked.score,
        old_step=trial.step,
        old_config=trial.config,
        operations=dict.fromkeys(_changed_keys(trial.config, config), "plan"),
    )


def _changed_keys(old: Config, new: Config, prefix: str = "") -> Sequence[str]:
    keys: list[str] = []
    for key, value in new.items():
        before = old.get(key)
        if is_dict(value) and is_dict(before):
            keys += _changed_keys(before, value, f"{prefix}{key}/")
        elif before != value:
            keys.append(f"{prefix}{key}")
    return keys
