"""``fold``: the only function that makes the next state.

    fold(state, record) -> state

Every record is a fact, an event or a decision; folding needs no settings, so that a journal can be
read without the script that wrote it.
"""

import math
from collections.abc import Callable
from typing import Final, cast

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Experiment, Record, pinned, put, with_pin
from pbtune.core.history import SCORES_COUNT_MAX, interval_grown, pin_moved, remembered
from pbtune.core.milestones import deferred, forgotten, measured, promoted, traced
from pbtune.core.ranking import added
from pbtune.core.trial import Kept, Origin, Rank, RestorePoint, Status, Trial, moved
from pbtune.errors import EngineBug


def fold(state: Experiment, record: Record) -> Experiment:
    """The state after one record.

    Raises:
        EngineBug: If the record can't follow the state; nothing is changed.
    """
    return _FOLDS[type(record)](state, record)


def _trial(state: Experiment, trial: str, attempt: int | None = None) -> Trial:
    found = state.trials.get(trial)
    if found is None:
        message = f"a record names trial {trial!r}, which was never created"
        raise EngineBug(message)
    if attempt is not None and (found.attempt != attempt or found.status is not Status.RUNNING):
        message = (
            f"a record of {trial} attempt {attempt} came while it is"
            f" {found.status.value} in attempt {found.attempt}"
        )
        raise EngineBug(message)
    return found


def _opened(state: Experiment, record: e.Opened) -> Experiment:
    for trial in state.slots.values():
        running = state.trials[trial]
        status = Status.PENDING if running.restore is None else Status.PAUSED
        state = put(state, _rolled_back(moved(running, status, slot=None)))
    return msgspec.structs.replace(state, session=record.session, halted=None)


def _rolled_back(trial: Trial) -> Trial:
    """The trial at its restore point: the steps after it will be done again."""
    point = trial.restore
    if point is None:
        point = trial.origin or Origin(0, 0.0, 0.0)
    return msgspec.structs.replace(
        trial,
        step=point.step,
        progress=point.progress,
        time_total_s=point.time_total_s,
        redo=True,
    )


def _reported(state: Experiment, record: e.Reported) -> Experiment:
    for report in record.reports:
        trial = _trial(state, report.trial, report.attempt)
        state = put(
            state,
            msgspec.structs.replace(trial, step=report.step, time_total_s=report.time_total_s),
        )
    return state


def _saved(state: Experiment, record: e.Saved) -> Experiment:
    trial = _trial(state, record.trial, record.attempt)
    # NaN, from a report without time_attr, would break the order of those who wait.
    progress = trial.progress if math.isnan(record.progress) else record.progress
    point = RestorePoint(record.checkpoint, record.step, progress, record.time_total_s)
    keep = Kept(record.checkpoint, record.score)
    new = msgspec.structs.replace(
        trial,
        restore=point,
        own=record.checkpoint,
        kept=(*trial.kept, keep),
        next_number=max(trial.next_number, record.number + 1),
        progress=progress,
    )
    return put(state, new, gained=(record.checkpoint,))


def _failed(state: Experiment, record: e.Failed) -> Experiment:
    trial = _trial(state, record.trial, record.attempt)
    failures = trial.failures + (not record.lost)
    new = moved(trial, Status.PENDING, slot=None, failures=failures)
    return put(state, _rolled_back(new))


def _unchanged(state: Experiment, _record: Record) -> Experiment:
    return state


def _returned(state: Experiment, record: e.Returned) -> Experiment:
    _trial(state, record.trial, record.attempt)
    return state


def _created(state: Experiment, record: d.Created) -> Experiment:
    if record.trial in state.trials:
        message = f"trial {record.trial} is created twice"
        raise EngineBug(message)
    trial = Trial(
        record.trial,
        record.index,
        record.config,
        interval=state.interval,
        first=record.config,
        bracket=record.bracket,
    )
    return msgspec.structs.replace(
        state,
        trials={**state.trials, trial.id: trial},
        waiting=added(state.waiting, trial.turn),
        live_count=state.live_count + 1,
    )


def _ranked(state: Experiment, record: d.Ranked) -> Experiment:
    trial = _trial(state, record.trial)
    scores = (*trial.scores, record.score)[-SCORES_COUNT_MAX:] if record.remembered else ()
    rank = Rank(
        record.score,
        record.step,
        record.progress,
        record.time_total_s,
        trial.config,
        record.checkpoint,
        trial.generation + 1,
        scores,
        record.values,
    )
    new = msgspec.structs.replace(
        trial,
        rank=rank,
        progress=record.progress,
        interval_start=record.progress,
        decisions=trial.decisions + 1,
        is_gated=record.waits,
        generation=rank.generation,
        base_score=record.score,
        scores=scores,
    )
    count, is_better = state.ranked_count + 1, record.score > state.best_score
    return msgspec.structs.replace(
        put(state, new),
        ranked_count=count,
        best_score=record.score if is_better else state.best_score,
        improved_at=count if is_better else state.improved_at,
        improved_in=state.generation if is_better else state.improved_in,
        history=remembered(state, trial, rank, waits=record.waits)
        if record.remembered
        else state.history,
    )


def _restarted(state: Experiment, record: d.Restarted) -> Experiment:
    trial = _trial(state, record.trial)
    origin = Origin(record.step, record.progress, record.time_total_s)
    new = moved(
        trial,
        Status.PENDING,
        slot=None,
        config=record.config,
        segment=trial.segment + 1,
        decisions=trial.decisions + 1,
        step=origin.step,
        progress=origin.progress,
        time_total_s=origin.time_total_s,
        interval_start=origin.progress,
        generation=0,
        base_score=None,
        scores=(),
        restore=None,
        own=None,
        origin=origin,
        parent=None,
    )
    return put(state, new)


def _revived(trial: Trial) -> Trial:
    """A trial that may go on although it had ended: what it didn't hold meanwhile may be gone."""
    if trial.is_live:
        return trial
    held = {*trial.pins(), *(keep.checkpoint for keep in trial.kept)}
    rank = trial.rank
    if rank is not None and rank.checkpoint not in held:
        rank = msgspec.structs.replace(rank, checkpoint=None)
    return msgspec.structs.replace(trial, rank=rank, own=trial.own if trial.own in held else None)


def _gate_opened(state: Experiment, record: d.GateOpened) -> Experiment:
    for trial in state.trials.values():
        if trial.is_gated:
            state = put(state, msgspec.structs.replace(trial, is_gated=False))
    return msgspec.structs.replace(state, generation=record.generation)


def _exploited(state: Experiment, record: d.Exploited) -> Experiment:
    trial = _revived(_trial(state, record.trial))
    is_further_on = record.progress > trial.source_progress
    donor = state.trials[record.donor].rank
    if record.from_pin and state.pin is not None:
        donor = state.pin.rank
    new = moved(
        trial,
        Status.PAUSED,
        slot=None,
        config=record.config,
        segment=trial.segment + 1,
        step=record.step,
        progress=record.progress,
        time_total_s=record.time_total_s,
        interval_start=record.progress,
        decisions=trial.decisions + 1,
        # A member that failed for good begins anew as a copy.
        failures=trial.failures if trial.is_live else 0,
        parent=record.donor,
        restore=RestorePoint(record.checkpoint, record.step, record.progress, record.time_total_s),
        source=record.checkpoint,
        source_progress=max(record.progress, trial.source_progress),
        stale_copy_count=0 if is_further_on else trial.stale_copy_count + 1,
        generation=0 if donor is None else donor.generation,
        base_score=record.score,
        scores=() if donor is None else donor.scores,
    )
    return put(state, new)


def _reopened(state: Experiment, record: e.Reopened) -> Experiment:
    trial = _revived(_trial(state, record.trial))
    new = _back_in(trial, None if record.from_nothing else trial.restore)
    if record.from_nothing:
        new = msgspec.structs.replace(
            new, segment=trial.segment + 1, own=None, rank=None, generation=0, scores=()
        )
        state, new = forgotten(state, new)
    return put(state, msgspec.structs.replace(new, failures=0, is_gated=False))


def _back_in(trial: Trial, point: RestorePoint | None) -> Trial:
    """A trial that waits for a slot, at a restore point or at the beginning."""
    status = Status.PENDING if point is None else Status.PAUSED
    new = moved(trial, status, slot=None, restore=point, base_score=None)
    if point is None:
        new = msgspec.structs.replace(new, origin=None)
    new = _rolled_back(new)
    return msgspec.structs.replace(new, interval_start=min(new.interval_start, new.progress))


def _closed(state: Experiment, record: e.Closed) -> Experiment:
    return put(state, moved(_trial(state, record.trial), Status.DONE, slot=None))


def _damaged(state: Experiment, record: e.Damaged) -> Experiment:
    bad = record.checkpoint
    for trial in state.trials.values():
        rank = trial.rank
        if rank is not None and rank.checkpoint == bad:
            rank = msgspec.structs.replace(rank, checkpoint=None)
        kept = tuple(keep for keep in trial.kept if keep.checkpoint != bad)
        own = None if trial.own == bad else trial.own
        if (rank, kept, own) != (trial.rank, trial.kept, trial.own):
            new = msgspec.structs.replace(trial, rank=rank, kept=kept, own=own)
            state = put(state, new, lost=[bad] * (len(trial.kept) - len(kept)))
    return with_pin(state, None) if bad in pinned(state.pin) else state


def _rewound(state: Experiment, record: e.Rewound) -> Experiment:
    trial = _trial(state, record.trial)
    point = None
    if record.checkpoint is not None:
        point = RestorePoint(record.checkpoint, record.step, record.progress, record.time_total_s)
    new = _back_in(trial, point)
    if record.config is not None:
        new = msgspec.structs.replace(new, config=record.config, segment=trial.segment + 1)
    return put(state, new)


def _skipped(state: Experiment, record: d.Skipped) -> Experiment:
    trial = _trial(state, record.trial)
    return put(state, msgspec.structs.replace(trial, decisions=trial.decisions + 1))


def _completed(state: Experiment, record: d.Completed) -> Experiment:
    return put(state, moved(_trial(state, record.trial), Status.DONE, slot=None))


def _retried(state: Experiment, record: d.Retried) -> Experiment:
    _trial(state, record.trial)
    return state


def _abandoned(state: Experiment, record: d.Abandoned) -> Experiment:
    trial = _trial(state, record.trial)
    return put(state, moved(trial, Status.FAILED))


def _halted(state: Experiment, record: d.Halted) -> Experiment:
    return msgspec.structs.replace(state, halted=record.reason)


def _evicted(state: Experiment, record: d.Evicted) -> Experiment:
    trial = _trial(state, record.trial)
    kept = tuple(keep for keep in trial.kept if keep.checkpoint not in record.checkpoints)
    new = msgspec.structs.replace(trial, kept=kept)
    return put(state, new, lost=record.checkpoints)


def _released(state: Experiment, record: d.Released) -> Experiment:
    gone = frozenset(record.checkpoints)
    return msgspec.structs.replace(
        state, garbage=tuple(item for item in state.garbage if item not in gone)
    )


def _started(state: Experiment, record: d.Started) -> Experiment:
    trial = _trial(state, record.trial)
    if record.attempt != trial.attempt + 1:
        message = f"attempt {record.attempt} of {trial.id} can't follow {trial.attempt}"
        raise EngineBug(message)
    new = moved(trial, Status.RUNNING, slot=record.slot, attempt=record.attempt, redo=False)
    return put(state, new)


def _yielded(state: Experiment, record: d.Yielded) -> Experiment:
    trial = _trial(state, record.trial, record.attempt)
    new = moved(trial, Status.PAUSED, slot=None, yielded_at=trial.progress)
    # The last resort of a gate that all slots are held at: what it made since will be made again.
    is_further_on = new.restore is not None and new.restore.step < new.step
    return put(state, _rolled_back(new) if is_further_on else new)


_FOLDS: Final = cast(
    "dict[type[Record], Callable[[Experiment, Record], Experiment]]",
    {
        e.Opened: _opened,
        e.Reported: _reported,
        e.Saved: _saved,
        e.Returned: _returned,
        e.Failed: _failed,
        e.Waited: _unchanged,
        e.Reopened: _reopened,
        e.Closed: _closed,
        e.Damaged: _damaged,
        e.Rewound: _rewound,
        e.Reconfigured: _unchanged,
        e.StoppedAll: _unchanged,
        e.Noticed: _unchanged,
        e.Hosted: _unchanged,
        d.Created: _created,
        d.Ranked: _ranked,
        d.Exploited: _exploited,
        d.Skipped: _skipped,
        d.Completed: _completed,
        d.Retried: _retried,
        d.Abandoned: _abandoned,
        d.Halted: _halted,
        d.GateOpened: _gate_opened,
        d.Pinned: pin_moved,
        d.IntervalGrown: interval_grown,
        d.Restarted: _restarted,
        d.Measured: measured,
        d.Promoted: promoted,
        d.Traced: traced,
        d.Deferred: deferred,
        d.Evicted: _evicted,
        d.Released: _released,
        d.Started: _started,
        d.Yielded: _yielded,
    },
)
