"""Everything that decisions depend on besides the state: frozen, and given from outside."""

import msgspec

from pbtune.core.lease import Lease
from pbtune.core.objective import Objective
from pbtune.core.retention import Retention
from pbtune.core.sampling import Initial
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Trial


class Settings(msgspec.Struct, frozen=True):
    """A run's settings.

    ``param_space`` is the user's search space with what can't be stored replaced by placeholders.
    ``max_failures`` is per trial, -1 for no limit; ``fail_fast`` halts a run at its first failure.
    """

    objective: Objective
    scheduler: AbstractScheduler
    param_space: dict[str, object]
    num_samples: int = 1
    initial: Initial = Initial()
    stop: StopRules = StopRules()
    retention: Retention = Retention()
    max_failures: int = 0
    fail_fast: bool = False

    def lease(self, trial: Trial) -> Lease:
        """What the trial may do without asking, from where it stands now."""
        every = self.stop.every or self.scheduler.observes_all
        return Lease((*self.stop.rules(), *self.scheduler.rules(trial)), every=every)

    def needed(self) -> tuple[tuple[str, str], ...]:
        """The keys that every report must have, each with who needs it."""
        return self.scheduler.needed(self.objective)

    def observed(self) -> tuple[str, ...]:
        """The keys whose values decisions may depend on: workers send these with a report."""
        keys = [
            "done",
            self.scheduler.time_attr,
            *(key for key, _ in self.needed()),
            *(key for key, _ in self.stop.bounds),
        ]
        if self.retention.score_attribute is not None:
            keys.append(self.retention.score_attribute)
        return tuple(dict.fromkeys(keys))
