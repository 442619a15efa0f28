"""Taking up a run again: what may have changed, and what is recorded before it goes on."""

from pathlib import Path
from typing import Final, cast

from pbtune.core.decisions import Completed
from pbtune.core.events import Closed, Event, Observed, Reconfigured, Reopened, Report
from pbtune.core.exact import flatten
from pbtune.core.experiment import Experiment
from pbtune.core.settings import Settings
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Status, Trial
from pbtune.driver.recover import recover
from pbtune.errors import SettingsError
from pbtune.journal.base import Header
from pbtune.journal.glance import records_of
from pbtune.journal.lock import RunLock, was_killed
from pbtune.journal.reader import DATABASE, JournalReader, StoredReport
from pbtune.journal.settings_codec import differences, encode_settings
from pbtune.journal.sqlite import mend
from pbtune.tune.saved import Resume

_MAY_CHANGE: Final = ("stop", "num_samples", "retention", "max_failures", "fail_fast", "needs")
"""Settings that a run can go on under without a person saying so twice."""


def first_events(
    resume: Resume, settings: Settings, trainable_name: str, state: Experiment
) -> list[Event]:
    """What has to be recorded before the run goes on.

    Args:
        resume: The run, and what a person asks for.
        settings: Those that it shall go on under.
        trainable_name: The function's name now.
        state: What the journal says.

    Raises:
        SettingsError: If settings differ that decide what the run means, without ``override``.
    """
    with JournalReader(resume.run_dir) as reader, reader.snapshot():
        events = _reconfigured(resume, settings, trainable_name, reader)
        for trial in sorted(state.trials.values(), key=lambda it: it.index):
            event = _asked_for(resume, settings, trial, reader)
            if event is not None:
                events.append(event)
    return events


def _reconfigured(
    resume: Resume, settings: Settings, trainable_name: str, reader: JournalReader
) -> list[Event]:
    old_settings, old_name = str(reader.header.settings.get("engine", "")), reader.header.trainable
    for record in cast("list[Reconfigured]", records_of(reader, None, ["reconfigured"])):
        old_settings = record.settings or old_settings
        old_name = next((new for name, _, new in record.changes if name == "trainable"), old_name)
    new = encode_settings(settings)
    changes = differences(old_settings, new)
    if trainable_name != old_name:
        changes.insert(0, ("trainable", old_name, trainable_name))
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
    resume: Resume, settings: Settings, trial: Trial, reader: JournalReader
) -> Event | None:
    """What a person asked for that concerns one trial."""
    if trial.status is Status.FAILED and (resume.resume_errored or resume.restart_errored):
        # If both are set, Tune resumes.
        return Reopened(trial.id, from_nothing=not resume.resume_errored)
    if trial.is_live and not resume.resume_unfinished:
        return Closed(trial.id, "not resumed")
    if trial.status is Status.DONE and trial.restore is not None:
        report = _ended_by_rule(trial.id, settings.stop, reader)
        if report is not None and settings.stop.reason(report) is None:
            return Reopened(trial.id)
    return None


def _ended_by_rule(trial: str, stop: StopRules, reader: JournalReader) -> Report | None:
    """The report that a stop rule ended a trial with, if that is what ended it."""
    ends = cast("list[Completed | Closed]", records_of(reader, trial, ["completed", "closed"]))
    if not ends or ">=" not in ends[-1].reason:
        return None
    last = reader.last_report(trial)
    return None if last is None else _as_report(last, stop)


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
        state, header = recover(reader).state, reader.header
    if not state.trials or not state.is_finished or state.halted is not None:
        return True
    if settings.num_samples > header.num_samples:
        return True
    return bool(first_events(resume, settings, header.trainable, state))


def _mend(run_dir: Path) -> None:
    if (run_dir / f"{DATABASE}-journal").exists():
        with RunLock(run_dir):
            mend(run_dir / DATABASE)
