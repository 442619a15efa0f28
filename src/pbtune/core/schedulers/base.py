"""What a scheduler is: frozen settings and pure functions of the experiment."""

from abc import ABCMeta, abstractmethod

import msgspec

from pbtune.core.decisions import Decision
from pbtune.core.events import Event, Report
from pbtune.core.experiment import Experiment
from pbtune.core.lease import Rule
from pbtune.core.objective import Objective
from pbtune.core.trial import Config, Trial


class SchedulerMeta(msgspec.StructMeta, ABCMeta):
    """Lets a scheduler be both abstract and a struct."""


class AbstractScheduler(msgspec.Struct, metaclass=SchedulerMeta, frozen=True):
    """Decides who is copied and how it is explored.

    A scheduler holds settings only. What it must remember is in the experiment, because its
    decisions are records; so a scheduler can be shared, compared, printed and stored. The engine
    calls it after the event is folded, and folds what it returns, in order.
    """

    @property
    @abstractmethod
    def version(self) -> int:
        """Counts up when the same inputs would give other decisions; stored with the run."""

    @property
    @abstractmethod
    def time_attr(self) -> str:
        """The reported key that progress is measured in."""

    @abstractmethod
    def needed(self, objective: Objective) -> tuple[tuple[str, str], ...]:
        """The keys that every report must have, each with who needs it ("PBT ranks by")."""

    @abstractmethod
    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The config of a new member, from what the search space gave it."""

    @abstractmethod
    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """Which coming reports of this trial can change something."""

    @property
    def is_synchronous(self) -> bool:
        """Whether ready members wait for each other, and ``at_gate`` decides."""
        return False

    @property
    def gate_timeout_s(self) -> float | None:
        """How long members at the gate wait for those who are absent; None is for ever."""
        return None

    @property
    def wants_checkpoints(self) -> bool:
        """Whether members are copied or paused, so that those without checkpoints are at fault."""
        return True

    @property
    def observes_all(self) -> bool:
        """Whether every report is given to ``on_report``, so that each one blocks."""
        return False

    def bracket_of(self, trial: str, index: int, objective: Objective) -> int:
        """The bracket that a new member belongs to, >= 0; it is kept with the trial."""
        del trial, index, objective
        return 0

    def at_gate(
        self, experiment: Experiment, objective: Objective, *, event: Event
    ) -> list[Decision]:
        """Let members go on who wait for others, if those have come; asked after every event.

        Args:
            experiment: The state after the event and its other decisions.
            objective: Metric, direction and seed.
            event: What has happened; ``Waited`` if those who are absent are late.
        """
        del experiment, objective, event
        return []

    def may_yield(self, experiment: Experiment, trial: Trial) -> bool:
        """Whether a member whose worker waits for a verdict may give its slot to one behind it.

        By default at the end of an interval: if this report was ranked.
        """
        del experiment
        return trial.rank is not None and trial.rank.step == trial.step

    def on_last_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """What is remembered of a report that a stop rule ended its trial with."""
        del experiment, report, objective
        return []

    @abstractmethod
    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """What follows from a report that no stop rule ended."""
