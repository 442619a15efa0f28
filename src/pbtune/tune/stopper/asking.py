"""Asks the user's stopper for the driver: with Tune's result, and seeded from an address."""

from collections.abc import Callable
from typing import final

from pbtune.core.decisions import Started
from pbtune.core.events import Opened
from pbtune.core.exact import flatten
from pbtune.core.space import UserCalls
from pbtune.core.trial import Config, Trial
from pbtune.driver.stops import AbstractStops
from pbtune.journal.base import ReportRow
from pbtune.journal.reader import JournalReader, StoredReport
from pbtune.reporting.rows import fill
from pbtune.reporting.snapshot import RunView
from pbtune.tune.stopper.function_stopper import FunctionStopper
from pbtune.tune.stopper.stopper import CombinedStopper, Stopper
from pbtune.tune.stopper.timeout import TimeoutStopper


@final
class Stops(AbstractStops):
    """Gives the driver a stopper's answers.

    Args:
        stopper: The user's.
        user_calls: How it is called.
        seed: The run's.
        check: Called first whenever the whole run is asked about; what it raises ends the run.
    """

    def __init__(
        self, stopper: Stopper, user_calls: UserCalls, seed: int, check: Callable[[], None]
    ) -> None:
        self._stopper = stopper
        self._calls = user_calls
        self._seed = seed
        self._check = check
        self._started: dict[str, Started] = {}
        self._before: dict[str, StoredReport] = {}

    def ends(self, trial: Trial, row: ReportRow) -> str:
        """See the base class."""
        report, start = self._read(trial, row)
        if self._ask(report, start, trial.config):
            return f"{_name(self._stopper)} stopped it"
        return ""

    def ends_all(self) -> str:
        """See the base class."""
        self._check()
        if self._stopper.stop_all():
            return f"{_name(self._stopper)} stopped the run"
        return ""

    def recall(self, reader: JournalReader) -> None:
        """Let the stopper see what it saw before the run was taken up again.

        Its answers are in the journal; only what it remembers is needed.
        """
        view = RunView(reader)
        for report in reader.reports(superseded=True):
            start = view.starts[report.trial, report.attempt]
            config = view.configs[report.trial, report.segment]
            self._ask(report, start, config)
        spent_s = _seconds(reader)
        for timeout in _timeouts(self._stopper):
            timeout.spent(spent_s)

    def _read(self, trial: Trial, row: ReportRow) -> tuple[StoredReport, Started]:
        start = self._started.get(row.trial)
        if start is None or start.attempt != row.attempt:
            # Every report is seen, so the trial still stands where the attempt began.
            start = Started(
                row.trial, row.attempt, trial.slot or 0, row.segment, trial.step, trial.time_total_s
            )
            self._started[row.trial] = start
        report = StoredReport(
            id=0,
            trial=row.trial,
            attempt=row.attempt,
            segment=row.segment,
            step=row.step,
            time_total_s=row.time_total_s,
            timestamp=row.timestamp,
            body=row.metrics.decode(),
            checkpoint=row.checkpoint,
            superseded_by=None,
        )
        return report, start

    def _ask(self, report: StoredReport, start: Started, config: Config) -> object:
        address = f"{self._seed}/stop/{report.trial}/{report.attempt}.{report.step}"
        result = fill(report, self._before.get(report.trial), start, config)
        self._before[report.trial] = report
        args = (self._stopper, report.trial, {**flatten(result), **result})
        return self._calls.call(_truth, args, address)


def _timeouts(stopper: Stopper) -> list[TimeoutStopper]:
    if isinstance(stopper, CombinedStopper):
        return [it for part in stopper.stoppers for it in _timeouts(part)]
    return [stopper] if isinstance(stopper, TimeoutStopper) else []


def _seconds(reader: JournalReader) -> float:
    """How long the sessions of a run have taken, without the time between them."""
    total_s, began_s, last_s = 0.0, 0.0, 0.0
    for entry in reader.entries():
        if isinstance(entry.record, Opened):
            total_s, began_s = total_s + last_s - began_s, entry.at
        last_s = entry.at
    return total_s + last_s - began_s


def _truth(stopper: Stopper, trial: str, result: dict[str, object]) -> bool:
    """As plain truth: numpy's booleans, None and others can't be stored."""
    return bool(stopper(trial, result))


def _name(stopper: Stopper) -> str:
    if isinstance(stopper, CombinedStopper):
        return " or ".join(_name(it) for it in stopper.stoppers)
    if isinstance(stopper, FunctionStopper):
        return stopper.name
    return type(stopper).__name__
