"""Reports that are read and not told yet: in the order in which they were stored."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import final

from pbtune.journal.reader import StoredReport

Place = tuple[str, int, int]
"""(trial, attempt, step): what a record names a report by."""


@final
class Backlog:
    """Gives reports back once each; every method costs what it gives, not what waits."""

    def __init__(self) -> None:
        self._reports: OrderedDict[int, StoredReport] = OrderedDict()
        self._by_place: dict[Place, int] = {}
        self._by_trial: dict[str, deque[int]] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._reports)

    def add(self, reports: Iterable[StoredReport]) -> int:
        """Let newer ones wait.

        Returns:
            The highest id of them; 0 if there are none.
        """
        last = 0
        for report in reports:
            last = report.id
            self._reports[last] = report
            self._by_place[report.trial, report.attempt, report.step] = last
            self._by_trial.setdefault(report.trial, deque()).append(last)
        return last

    def until(self, place: Place) -> Iterator[StoredReport]:
        """Those up to the one that a record names: none was committed later than it."""
        last = self._by_place.get(place, 0)
        while self._reports and next(iter(self._reports)) <= last:
            yield self._taken(next(iter(self._reports)))

    def of(self, trial: str, attempt: int) -> Iterator[StoredReport]:
        """Those of a trial, up to and with one of its attempts."""
        ids = self._by_trial.get(trial, ())
        while ids and self._reports[ids[0]].attempt <= attempt:
            yield self._taken(ids[0])

    def all(self) -> Iterator[StoredReport]:
        """Those that are left."""
        while self._reports:
            yield self._taken(next(iter(self._reports)))

    def _taken(self, number: int) -> StoredReport:
        report = self._reports.pop(number)
        # Of one trial, the one with the lowest id always goes first.
        self._by_trial[report.trial].popleft()
        self._by_place.pop((report.trial, report.attempt, report.step), None)
        return report
