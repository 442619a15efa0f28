"""Taking up a run again: what is kept for it, what may have changed, and what a person asks for.

``tuner.pkl`` holds what only the script has: the function, the search space, the settings. It is
read by ``Tuner.restore`` and ``pbtune resume`` alone, since reading a pickle runs code. Everything
else is in the journal.
"""

import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from pbtune.core.events import Closed, Event, Observed, Reconfigured, Reopened, Report
from pbtune.core.exact import flatten
from pbtune.core.settings import Settings
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Status, Trial
from pbtune.errors import RunUnreadable, SettingsError
from pbtune.journal.base import Header
from pbtune.journal.lock import RunLock, was_killed
from pbtune.journal.reader import DATABASE, JournalReader, StoredReport
from pbtune.journal.settings_codec import differences, encode_settings
from pbtune.journal.sqlite import mend
from pbtune.reporting.snapshot import RunView
from pbtune.tune.configs import RunConfig, TuneConfig

PICKLE_NAME: Final = "tuner.pkl"
PICKLE_BYTES_MAX: Final = 1 << 26
"""More than this is data of the user's, which a run's folder shouldn't hold a second time."""
_MAY_CHANGE: Final = ("stop", "num_samples", "retention", "max_failures", "fail_fast", "needs")
"""Settings that a run can go on under without a person saying so twice."""


class Saved(msgspec.Struct, frozen=True):
    """What ``tuner.pkl`` holds. ``param_space`` lacks values that look like secrets.

    ``name`` is what the training was registered under, if it was.
    """

    trainable: Callable[[dict[str, Any]], object]
    param_space: dict[str, Any]
    tune_config: TuneConfig
    run_config: RunConfig
    name: str | None = None


class Resume(msgspec.Struct, frozen=True):
    """A run to take up, and what to do with its trials.

    ``override`` lets it go on under another seed, space, scheduler or function; the change is
    journalled.
    """

    run_dir: Path
    resume_unfinished: bool = True
    resume_errored: bool = False
    restart_errored: bool = False
    override: bool = False


def save(run_dir: Path, saved: Saved) -> bool:
    """Keep what a resume needs, readable by its owner only.

    Returns:
        False if something in it can't be pickled, or is too large to be kept twice.
    """
    import cloudpickle  # noqa: PLC0415  heavy, and not needed to define a run

    # The process boundary of user code: __reduce__ of the user's objects may raise anything.
    try:
        payload = cloudpickle.dumps(saved)
    except Exception:  # noqa: BLE001
        return False
    if len(payload) > PICKLE_BYTES_MAX:
        return False
    temporary = run_dir / f".{PICKLE_NAME}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(payload)
    temporary.replace(run_dir / PICKLE_NAME)
    return True


def load(run_dir: Path) -> Saved | None:
    """What was kept; None if nothing was.

    Raises:
        RunUnreadable: If it can't be unpickled here.
    """
    path = run_dir / PICKLE_NAME
    if not path.is_file():
        return None
    # The process boundary of user code: importing its modules may raise anything.
    try:
        return cast("Saved", pickle.loads(path.read_bytes()))  # noqa: S301  by its owner's wish
    except Exception as error:
        message = (
            f"{path} can't be read here ({type(error).__name__}: {error}): make the modules of the"
            f" training function importable, or pass trainable= and param_space= to restore()"
        )
        raise RunUnreadable(message) from error


def can_resume(run_dir: Path) -> bool:
    """Whether a folder is a run."""
    return (run_dir / DATABASE).is_file()


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
