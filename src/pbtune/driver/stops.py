"""The user's stoppers, as the loop sees them: asked in order, and their answers recorded.

What a stopper remembers is its own affair, so it is asked about each report exactly once, before
the report is folded, and about the whole run after that. A report or an event carries the answer;
the core only reads it.
"""

from abc import ABC, abstractmethod

import msgspec

from pbtune.core.events import Event, Reported
from pbtune.core.experiment import Experiment
from pbtune.core.trial import Trial
from pbtune.driver.translate import Translated
from pbtune.journal.base import ReportRow


class AbstractStops(ABC):
    """Asks the user's stoppers. What one of them raises ends the run, and ``fit`` raises it."""

    @abstractmethod
    def ends(self, trial: Trial, row: ReportRow) -> str:
        """Why a report ends its trial; empty if it doesn't.

        Args:
            trial: As it was before the report.
            row: The report.
        """

    @abstractmethod
    def ends_all(self) -> str:
        """Why the whole run ends now; empty if it doesn't."""


def answered(stops: AbstractStops, state: Experiment, translated: Translated) -> Translated:
    """A report's events with the stoppers' answer in them."""
    row = translated.row
    if row is None:
        return translated
    reason = stops.ends(state.trials[row.trial], row)
    if not reason:
        return translated
    events = tuple(_stopped(event, reason) for event in translated.events)
    return msgspec.structs.replace(translated, events=events)


def _stopped(event: Event, reason: str) -> Event:
    if not isinstance(event, Reported):
        return event
    return Reported(tuple(msgspec.structs.replace(it, stop=reason) for it in event.reports))
