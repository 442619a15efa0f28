"""What a scheduler of your own is written with; docs/schedulers.md shows how.

``AbstractScheduler`` is the class to derive from. The rest is what it is given and what it gives:
the state (``Experiment``, ``Trial``), a ``Report``, the ``Objective``, the ``Rule`` of a lease, and
decisions. ``pbtune.testing.contracts.SchedulerContract`` is the test to subclass.
"""

from pbtune.core.decisions import Completed as Completed
from pbtune.core.decisions import Decision as Decision
from pbtune.core.decisions import Deferred as Deferred
from pbtune.core.decisions import Exploited as Exploited
from pbtune.core.decisions import Measured as Measured
from pbtune.core.decisions import Promoted as Promoted
from pbtune.core.decisions import Ranked as Ranked
from pbtune.core.decisions import Restarted as Restarted
from pbtune.core.decisions import Skipped as Skipped
from pbtune.core.decisions import Traced as Traced
from pbtune.core.events import Event as Event
from pbtune.core.events import Report as Report
from pbtune.core.experiment import Experiment as Experiment
from pbtune.core.lease import Rule as Rule
from pbtune.core.milestones import scores_at as scores_at
from pbtune.core.objective import Objective as Objective
from pbtune.core.rng import rng_for as rng_for
from pbtune.core.schedulers.base import AbstractScheduler as AbstractScheduler
from pbtune.core.schedulers.population import exploited as exploited
from pbtune.core.trial import Config as Config
from pbtune.core.trial import Rank as Rank
from pbtune.core.trial import Trial as Trial

__all__ = [
    "AbstractScheduler",
    "Completed",
    "Config",
    "Decision",
    "Deferred",
    "Event",
    "Experiment",
    "Exploited",
    "Measured",
    "Objective",
    "Promoted",
    "Rank",
    "Ranked",
    "Report",
    "Restarted",
    "Rule",
    "Skipped",
    "Traced",
    "Trial",
    "exploited",
    "rng_for",
    "scores_at",
]
