"""Reports as Tune shows them: what the user reported, with the keys that Tune fills in."""

import time
from collections.abc import Callable, Container, Iterable, Sequence
from typing import cast, final, overload

from pbtune.core.decisions import Started
from pbtune.core.trial import Config, Status
from pbtune.journal.reader import StoredReport
from pbtune.reporting.snapshot import RunView


def filled(view: RunView, report: StoredReport, before: StoredReport | None) -> dict[str, object]:
    """One report of a run with Tune's auto-filled keys; see ``fill``."""
    start = view.starts[report.trial, report.attempt]
    row = fill(report, before, start, view.configs[report.trial, report.segment])
    host = view.hosts.get((report.trial, report.attempt))
    if host is not None:
        row.update(pid=host.pid, hostname=host.hostname, node_ip=host.node_ip)
    return row


def fill(
    report: StoredReport, before: StoredReport | None, start: Started, config: Config
) -> dict[str, object]:
    """One report with Tune's auto-filled keys.

    Args:
        report: The report.
        before: The one before it of the same trial, if there is one.
        start: Where its attempt began.
        config: The hyperparameters of its segment.

    Returns:
        The user's metrics, nested as they were, and ``training_iteration``, ``time_total_s``,
        ``time_this_iter_s``, ``time_since_restore``, ``iterations_since_restore``, ``timestamp``,
        ``date``, ``done``, ``trial_id``, ``checkpoint_dir_name`` and ``config``;
        ``should_checkpoint`` where there is one. A value of the user's own stands where Tune lets
        it stand.
    """
    metrics = report.metrics()
    goes_on = before is not None and before.attempt == report.attempt
    since_s = before.time_total_s if goes_on and before is not None else start.time_total_s
    for key, value in (
        ("training_iteration", report.step),
        ("time_this_iter_s", report.time_total_s - since_s),
        ("time_total_s", report.time_total_s),
        ("done", False),
    ):
        metrics.setdefault(key, value)
    name = None
    if report.checkpoint is not None:
        name = report.checkpoint.rpartition("/")[2]
        metrics.setdefault("should_checkpoint", True)
    return {
        **metrics,
        "time_since_restore": report.time_total_s - start.time_total_s,
        "iterations_since_restore": report.step - start.step,
        "timestamp": int(report.timestamp),
        "date": time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(report.timestamp)),
        "trial_id": report.trial,
        "checkpoint_dir_name": name,
        "config": config,
    }


@final
class TrialRows(Sequence[dict[str, object]]):
    """One trial's reports in order, each filled when it is asked for: most never are.

    Args:
        view: The run, as of the moment in which the reports were read.
        reports: The trial's.
        own: What becomes of a config before it is shown.
    """

    def __init__(
        self,
        view: RunView,
        reports: Iterable[StoredReport],
        own: Callable[[Config], Config] | None = None,
    ) -> None:
        self._reports = list(reports)
        self._view = view
        self._own = own

    def __len__(self) -> int:
        """How many reports there are."""
        return len(self._reports)

    @overload
    def __getitem__(self, at: int) -> dict[str, object]: ...
    @overload
    def __getitem__(self, at: slice) -> list[dict[str, object]]: ...
    def __getitem__(self, at: int | slice) -> dict[str, object] | list[dict[str, object]]:
        """One row, or several."""
        places = range(len(self))[at]
        if isinstance(places, int):
            return self._row(places)
        return [self._row(place) for place in places]

    def of_checkpoints(self, names: Container[str]) -> dict[str, dict[str, object]]:
        """The rows of reports with one of these checkpoints ("t0/checkpoint_000010")."""
        return {
            report.checkpoint: self._row(place)
            for place, report in enumerate(self._reports)
            if report.checkpoint is not None and report.checkpoint in names
        }

    def _is_ended_by(self, trial: str) -> bool:
        """Whether the last report ended the trial, and not that its function returned."""
        is_done = self._view.experiment.trials[trial].status is Status.DONE
        return is_done and self._view.reasons.get(trial) != "returned"

    def _row(self, place: int) -> dict[str, object]:
        report = self._reports[place]
        row = filled(self._view, report, self._reports[place - 1] if place else None)
        if self._own is not None:
            row["config"] = self._own(cast("Config", row["config"]))
        if place == len(self) - 1 and self._is_ended_by(report.trial):
            row["done"] = True
        return row
