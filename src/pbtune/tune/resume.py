"""Taking up a run again: what may have changed, and what is recorded before it goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from pbtune.core.events import Closed, Event, Observed, Reconfigured, Reopened, Report
from pbtune.core.exact import flatten
from pbtune.core.settings import Settings
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Status, Trial
from pbtune.errors import SettingsError
from pbtune.journal.base import Header
from pbtune.journal.lock import RunLock, was_killed
from pbtune.journal.reader import DATABASE, JournalReader, StoredReport
from pbtune.journal.settings_codec import differences, encode_settings
from pbtune.journal.sqlite import mend
from pbtune.reporting.snapshot import RunView
from pbtune.tune.saved import Resume

_MAY_CHANGE: Final = ("stop", "num_samples", "retention", "max_failures", "fail_fast", "needs")
"""Settings that a run can go on under without a person saying so twice."""


def first_events(resume: Resume, settings: Settings, trainable_name: str) -> list[Event]:
    """What has to be recorded before the run goes on.

    Raises:
        SettingsError: If settings differ that decide what the run means, without ``override``.
    """
    with JournalReader(resume.run_dir) as reader, reader.snapshot():
        view = RunView(reader)
        last = reader.last_reports()
    events = _reconfigured(resume, settings, trainable_name, view)
    for trial in view.trials:
        event = _asked_for(resume, settings, trial, (view.reasons, last))
        if event is not None:
            events.append(event)
    return events


def _reconfigured(
    resume: Resume, settings: Settings, trainable_name: str, view: RunView
) -> list[Event]:
    new = encode_settings(settings)
    changes = differences(view.settings, new)
    if trainable_name != view.trainable:
        changes.insert(0, ("trainable", view.trainable, trainable_name))
    refused = [it for it in changes if not it[0].startswith(_MAY_CHANGE)]
    if refused and not resume.override:
        told = "\n".join(f"  {name}: {old} → {new}" for name, old, new in refused)
        message = (
            f"the run {resume.run_dir} was made under other settings:\n{told}\nUse those again, or"
            f" say that you mean it: Tuner.restore(..., override=True) or"
            f' RunConfig(resume="override")'
        )
        raise SettingsError(message)
    return [Reconfigured(tuple(changes), new)] if changes else []


def _asked_for(
    resume: Resume,
    settings: Settings,
    trial: Trial,
    seen: tuple[Mapping[str, str], Mapping[str, StoredReport]],
) -> Event | None:
    """What a person asked for that concerns one trial."""
    reasons, last = seen
    if trial.status is Status.FAILED and (resume.resume_errored or resume.restart_errored):
        # If both are set, Tune resumes.
        return Reopened(trial.id, from_nothing=not resume.resume_errored)
    if trial.is_live and not resume.resume_unfinished:
        return Closed(trial.id, "not resumed")
    is_by_rule = trial.status is Status.DONE and ">=" in reasons.get(trial.id, "")
    if is_by_rule and trial.restore is not None and trial.id in last:
        report = _as_report(last[trial.id], settings.stop)
        if settings.stop.reason(report) is None:
            return Reopened(trial.id)
    return None


def _as_report(row: StoredReport, stop: StopRules) -> Report:
    flat = flatten(row.metrics())
    observed = {key: cast("Observed", flat.get(key)) for key, _ in stop.bounds}
    return Report(row.trial, row.attempt, row.step, row.time_total_s, observed)


def seed_of(run_dir: Path) -> int:
    """The seed that a run was made with."""
    _mend(run_dir)
    with JournalReader(run_dir) as reader:
        header: Header = reader.header
    return header.seed


def needs_more(resume: Resume, settings: Settings) -> bool:
    """Whether anything is left to do: a finished run returns its results without a driver.

    A driver that was killed in its last moments left checkpoints to delete, and a WAL.
    """
    was_left = was_killed(resume.run_dir) or (resume.run_dir / f"{DATABASE}-wal").exists()
    _mend(resume.run_dir)
    if was_left:
        return True
    with JournalReader(resume.run_dir) as reader, reader.snapshot():
        view = RunView(reader)
    if not view.is_ended or view.experiment.halted is not None:
        return True
    if settings.num_samples > view.header.num_samples:
        return True
    return bool(first_events(resume, settings, view.trainable))


def _mend(run_dir: Path) -> None:
    if (run_dir / f"{DATABASE}-journal").exists():
        with RunLock(run_dir):
            mend(run_dir / DATABASE)
