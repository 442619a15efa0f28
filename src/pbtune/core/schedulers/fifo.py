"""First in, first out: every trial trains to its end. Tune's default scheduler."""

from typing import final

from pbtune.core.decisions import Decision
from pbtune.core.events import Report
from pbtune.core.experiment import Experiment
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.trial import Config, Trial


@final
class FIFO(AbstractScheduler, frozen=True):
    """Ranks nobody and replaces nobody."""

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    @property
    def time_attr(self) -> str:
        """Reports are counted."""
        return "training_iteration"

    def needed(self, objective: Objective) -> tuple[tuple[str, str], ...]:
        """The metric, if there is one: results are compared by it."""
        return () if objective.metric is None else ((objective.metric, "results are ranked by"),)

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The sampled config as it is."""
        del trial, objective
        return config

    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """None: no report changes anything."""
        del trial
        return ()

    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """Nothing follows."""
        del experiment, report, objective
        return []
