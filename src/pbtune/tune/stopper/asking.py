"""Asks the user's stopper for the driver: with Tune's result, and seeded from an address."""

from collections.abc import Callable
from typing import Final, final

from pbtune.core.decisions import Started
from pbtune.core.exact import flatten
from pbtune.core.space import UserCalls
from pbtune.core.trial import Trial
from pbtune.driver.stops import AbstractStops
from pbtune.journal.base import ReportRow
from pbtune.journal.reader import StoredReport
from pbtune.reporting.rows import fill
from pbtune.tune.stopper.function_stopper import FunctionStopper
from pbtune.tune.stopper.noop import NoopStopper
from pbtune.tune.stopper.stopper import CombinedStopper, Stopper
from pbtune.tune.stopper.timeout import TimeoutStopper

_BLIND: Final = (TimeoutStopper, NoopStopper)


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
        address = f"{self._seed}/stop/{row.trial}/{row.attempt}.{row.step}"
        result = self._result(trial, row)
        if self._calls.call(_truth, (self._stopper, row.trial, result), address):
            return f"{_name(self._stopper)} stopped it"
        return ""

    def ends_all(self) -> str:
        """See the base class."""
        self._check()
        if self._stopper.stop_all():
            return f"{_name(self._stopper)} stopped the run"
        return ""

    def _result(self, trial: Trial, row: ReportRow) -> dict[str, object]:
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
        result = fill(report, self._before.get(row.trial), start, trial.config)
        self._before[row.trial] = report
        return {**flatten(result), **result}


def sees_reports(stopper: Stopper) -> bool:
    """Whether a stopper has to be asked about reports, and not only about the run."""
    if isinstance(stopper, CombinedStopper):
        return any(sees_reports(it) for it in stopper.stoppers)
    return not isinstance(stopper, _BLIND)


def _truth(stopper: Stopper, trial: str, result: dict[str, object]) -> bool:
    """As plain truth: numpy's booleans, None and others can't be stored."""
    return bool(stopper(trial, result))


def _name(stopper: Stopper) -> str:
    if isinstance(stopper, CombinedStopper):
        return " or ".join(_name(it) for it in stopper.stoppers)
    if isinstance(stopper, FunctionStopper):
        return stopper.name
    return type(stopper).__name__
