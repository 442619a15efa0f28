"""From what workers say to events and rows. Pure; the fence stands here."""

import msgspec

from pbtune.checkpoints.store import Committed
from pbtune.core.events import Event, Failed, Hosted, Noticed, Report, Reported, Returned, Saved
from pbtune.core.experiment import Experiment
from pbtune.core.settings import Settings
from pbtune.core.trial import Status
from pbtune.executors.messages import Asked, Died, Errored, Finished, Message, Streamed
from pbtune.journal.base import ReportRow


class Translated(msgspec.Struct, frozen=True):
    """What one message means for the core, and what it adds to the table of reports."""

    events: tuple[Event, ...] = ()
    row: ReportRow | None = None


NOTICES = {
    "unread-hyperparameter": (
        "{text!r} is mutated, but the training function never reads it after a copy: mutating it"
        " has no effect. Use config[{text!r}] after the checkpoint is loaded, or leave it out of"
        " hyperparam_mutations."
    ),
    "checkpoint-ignored": (
        "a copy of a better trial ({text}) never called get_checkpoint(), so it started from"
        " nothing under the winner's hyperparameters. Load the state at the start of the training"
        " function."
    ),
    "no-checkpoint": (
        "{text} reports without checkpoints: it can be replaced, but never copied or paused. Pass"
        " checkpoint=Checkpoint.from_directory(path) to report() at least once per perturbation"
        " interval."
    ),
}


def notice(trial: str, code: str, text: str) -> Noticed:
    """A notice in words."""
    return Noticed(trial, code, NOTICES[code].format(text=text))


def translate(settings: Settings, state: Experiment, message: Message) -> Translated | None:
    """What a message means now.

    Returns:
        None if it is of an attempt that is over: superseded, stopped, or never begun.
    """
    trial = state.trials.get(message.trial)
    if trial is None or trial.attempt != message.attempt or trial.status is not Status.RUNNING:
        return None
    match message:
        case Streamed() | Asked():
            return _report(settings, trial.segment, message)
        case Finished():
            notices = [notice(trial.id, code, text) for code, text in message.notices]
            return Translated((*notices, Returned(message.trial, message.attempt)))
        case Errored():
            failed = Failed(
                message.trial,
                message.attempt,
                message.error,
                message.message,
                message.traceback,
                message.fatal,
            )
            return Translated((failed,))
        case Died():
            trial_name, attempt, how = message.trial, message.attempt, message.message
            failed = Failed(trial_name, attempt, "WorkerDied", how, lost=message.lost)
            return Translated((failed,))


def _report(settings: Settings, segment: int, message: Streamed | Asked) -> Translated:
    committed = message.checkpoint
    row = ReportRow(
        trial=message.trial,
        attempt=message.attempt,
        segment=segment,
        step=message.step,
        time_total_s=message.time_total_s,
        timestamp=message.timestamp,
        metrics=message.metrics,
        checkpoint=None if committed is None else committed.id,
    )
    events: list[Event] = []
    if message.host is not None:
        events.append(Hosted(message.trial, message.attempt, *message.host))
    if isinstance(message, Streamed) and committed is None:
        return Translated(tuple(events), row)
    report = Report(
        trial=message.trial,
        attempt=message.attempt,
        step=message.step,
        time_total_s=message.time_total_s,
        observed=message.observed or {},
        checkpoint=row.checkpoint,
    )
    if isinstance(message, Asked):
        events += [notice(message.trial, code, text) for code, text in message.notices]
    if committed is not None:
        events.append(_saved(settings, report, committed))
    return Translated((*events, Reported((report,))), row)


def _saved(settings: Settings, report: Report, committed: Committed) -> Saved:
    attribute = settings.retention.score_attribute
    return Saved(
        trial=report.trial,
        attempt=report.attempt,
        checkpoint=committed.id,
        step=report.step,
        progress=report.number(settings.scheduler.time_attr),
        time_total_s=report.time_total_s,
        score=None if attribute is None else report.number(attribute),
        bytes=committed.bytes,
        file_count=committed.file_count,
        digest=committed.digest,
        number=committed.number,
    )
