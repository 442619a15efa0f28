"""Reports as Tune shows them: what the user reported, with the keys that Tune fills in."""

import time
from collections.abc import Iterable

from pbtune.core.decisions import Started
from pbtune.core.trial import ENDED, Config
from pbtune.journal.reader import StoredReport
from pbtune.reporting.snapshot import RunView


def filled(view: RunView, report: StoredReport, before: StoredReport | None) -> dict[str, object]:
    """One report of a run with Tune's auto-filled keys; see ``fill``."""
    start = view.starts[report.trial, report.attempt]
    return fill(report, before, start, view.configs[report.trial, report.segment])


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
        ``date``, ``done``, ``trial_id``, ``checkpoint_dir_name`` and ``config``. A value of the
        user's own stands where Tune lets it stand.
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
    name = None if report.checkpoint is None else report.checkpoint.rpartition("/")[2]
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


def all_filled(view: RunView, reports: Iterable[StoredReport]) -> list[dict[str, object]]:
    """One trial's reports in order; the last one of a trial that has ended is ``done``."""
    rows: list[dict[str, object]] = []
    before: StoredReport | None = None
    for report in reports:
        rows.append(filled(view, report, before))
        before = report
    if before is not None and view.experiment.trials[before.trial].status in ENDED:
        rows[-1]["done"] = True
    return rows
