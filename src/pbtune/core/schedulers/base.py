"""What a scheduler is: frozen settings and pure functions of the experiment."""

from abc import ABCMeta, abstractmethod

import msgspec

from pbtune.core.decisions import Decision
from pbtune.core.events import Report
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

    def at_gate(
        self, experiment: Experiment, objective: Objective, *, is_late: bool
    ) -> list[Decision]:
        """Open the gate if all live members stand at it; asked after every event.

        Args:
            experiment: The state after the event and its other decisions.
            objective: Metric, direction and seed.
            is_late: Whether those who are absent have been waited for long enough.
        """
        del experiment, objective, is_late
        return []

    @abstractmethod
    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """What follows from a report that no stop rule ended."""
