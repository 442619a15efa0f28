"""The state of a run, and ``fold``: the only function that makes the next state.

    fold(state, record) -> state

Every record is a fact, an event or a decision; folding needs no settings, so that a journal can be
read without the script that wrote it. Derived views (ranking, waiting, slots, references) are kept
up to date by ``_put`` alone, and ``validate`` recomputes them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.ranking import Entry, added, entry, removed
from pbtune.core.trial import Kept, Rank, RestorePoint, Status, Trial, moved
from pbtune.errors import EngineBug

Record = e.Event | d.Decision | d.Placement
WAITING: Final = frozenset({Status.PENDING, Status.PAUSED})


class Experiment(msgspec.Struct, frozen=True):
    """All that decisions depend on.

    ``ranking`` orders the live ranked members, worst first; ``waiting`` those without a slot, the
    one furthest behind first; ``slots`` says who holds which; ``references`` counts who needs a
    checkpoint; ``garbage`` are checkpoints that nobody needs and that are not released yet.
    """

    trials: Mapping[str, Trial] = {}
    ranking: Sequence[Entry] = ()
    waiting: Sequence[tuple[float, int, str]] = ()
    slots: Mapping[int, str] = {}
    references: Mapping[str, int] = {}
    garbage: tuple[str, ...] = ()
    session: int = 0
    live_count: int = 0
    halted: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to train, or nothing may."""
        return self.live_count == 0 or self.halted is not None

    def ranking_with(self, trial: Trial, score: float) -> list[Entry]:
        """The ranking as it will be when a trial is ranked by a new score."""
        old = _ranking_entry(trial)
        rest = self.ranking if old is None else removed(self.ranking, old)
        return added(rest, entry(score, trial.index, trial.id))

    def validate(self) -> None:
        """Recompute every derived view.

        Raises:
            EngineBug: If a view differs from what the trials say.
        """
        trials = self.trials.values()
        expected: dict[str, tuple[object, object]] = {
            "ranking": (list(self.ranking), sorted(filter(None, map(_ranking_entry, trials)))),
            "waiting": (list(self.waiting), sorted(filter(None, map(_waiting_entry, trials)))),
            "slots": (dict(self.slots), {t.slot: t.id for t in trials if t.slot is not None}),
            "live": (self.live_count, sum(t.is_live for t in trials)),
            "references": (dict(self.references), _count_references(trials)),
            "running": (
                {t.id for t in trials if t.status is Status.RUNNING},
                set(self.slots.values()),
            ),
        }
        for name, (kept, derived) in expected.items():
            if kept != derived:
                message = f"{name} is {kept!r} but the trials say {derived!r}"
                raise EngineBug(message)


def fold(state: Experiment, record: Record) -> Experiment:
    """The state after one record.

    Raises:
        EngineBug: If the record can't follow the state; nothing is changed.
    """
    return _FOLDS[type(record)](state, record)


def _ranking_entry(trial: Trial) -> Entry | None:
    if trial.rank is None or not trial.is_live:
        return None
    return entry(trial.rank.score, trial.index, trial.id)


def _waiting_entry(trial: Trial) -> tuple[float, int, str] | None:
    if trial.status not in WAITING:
        return None
    return (trial.progress, trial.index, trial.id)


def _count_references(trials: "Sequence[Trial] | object") -> dict[str, int]:
    counts: dict[str, int] = {}
    for trial in cast("Sequence[Trial]", trials):
        for checkpoint in [*trial.pins(), *(keep.checkpoint for keep in trial.kept)]:
            counts[checkpoint] = counts.get(checkpoint, 0) + 1
    return counts


def _put(
    state: Experiment,
    new: Trial,
    gained: Sequence[str] = (),
    lost: Sequence[str] = (),
) -> Experiment:
    """The state with one trial replaced, and every derived view moved along."""
    old = state.trials[new.id]
    trials = dict(state.trials)
    trials[new.id] = new
    changes: dict[str, object] = {"trials": trials}
    before, after = _ranking_entry(old), _ranking_entry(new)
    if before != after:
        ranking = state.ranking if before is None else removed(state.ranking, before)
        changes["ranking"] = ranking if after is None else added(ranking, after)
    was, waits = _waiting_entry(old), _waiting_entry(new)
    if was != waits:
        waiting = state.waiting if was is None else removed(state.waiting, was)
        changes["waiting"] = waiting if waits is None else added(waiting, waits)
    if old.slot != new.slot:
        changes["slots"] = _moved_slot(state.slots, old.slot, new)
    if old.is_live and not new.is_live:
        changes["live_count"] = state.live_count - 1
    gained, lost = [*new.pins(), *gained], [*old.pins(), *lost]
    if gained != lost:
        changes["references"], dropped = _recounted(state.references, gained, lost)
        if dropped:
            changes["garbage"] = state.garbage + dropped
    return msgspec.structs.replace(state, **changes)


def _moved_slot(slots: Mapping[int, str], old: int | None, new: Trial) -> dict[int, str]:
    moved_slots = dict(slots)
    if old is not None:
        del moved_slots[old]
    if new.slot is not None:
        if new.slot in moved_slots:
            message = f"slot {new.slot} was given to {new.id} while {moved_slots[new.slot]} has it"
            raise EngineBug(message)
        moved_slots[new.slot] = new.id
    return moved_slots


def _recounted(
    references: Mapping[str, int], gained: Sequence[str], lost: Sequence[str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    counts = dict(references)
    for checkpoint in gained:
        counts[checkpoint] = counts.get(checkpoint, 0) + 1
    dropped: list[str] = []
    for checkpoint in lost:
        counts[checkpoint] -= 1
        if counts[checkpoint] == 0:
            del counts[checkpoint]
            dropped.append(checkpoint)
    return counts, tuple(dropped)


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
        state = _put(state, _rolled_back(moved(running, status, slot=None)))
    return msgspec.structs.replace(state, session=record.session, halted=None)


def _rolled_back(trial: Trial) -> Trial:
    """The trial at its restore point: the steps after it will be done again."""
    point = trial.restore
    if point is None:
        return msgspec.structs.replace(trial, step=0, progress=0.0, time_total_s=0.0, redo=True)
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
        state = _put(
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
    return _put(state, new, gained=(record.checkpoint,))


def _failed(state: Experiment, record: e.Failed) -> Experiment:
    trial = _trial(state, record.trial, record.attempt)
    new = moved(trial, Status.PENDING, slot=None, failures=trial.failures + 1)
    return _put(state, _rolled_back(new))


def _unchanged(state: Experiment, _record: Record) -> Experiment:
    return state


def _returned(state: Experiment, record: e.Returned) -> Experiment:
    _trial(state, record.trial, record.attempt)
    return state


def _created(state: Experiment, record: d.Created) -> Experiment:
    if record.trial in state.trials:
        message = f"trial {record.trial} is created twice"
        raise EngineBug(message)
    trial = Trial(record.trial, record.index, record.config)
    return msgspec.structs.replace(
        state,
        trials={**state.trials, trial.id: trial},
        waiting=added(state.waiting, (trial.progress, trial.index, trial.id)),
        live_count=state.live_count + 1,
    )


def _ranked(state: Experiment, record: d.Ranked) -> Experiment:
    trial = _trial(state, record.trial)
    rank = Rank(
        record.score,
        record.step,
        record.progress,
        record.time_total_s,
        trial.config,
        record.checkpoint,
    )
    new = msgspec.structs.replace(
        trial,
        rank=rank,
        progress=record.progress,
        interval_start=record.progress,
        decisions=trial.decisions + 1,
    )
    return _put(state, new)


def _exploited(state: Experiment, record: d.Exploited) -> Experiment:
    trial = _trial(state, record.trial)
    is_further_on = record.progress > trial.source_progress
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
        parent=record.donor,
        restore=RestorePoint(record.checkpoint, record.step, record.progress, record.time_total_s),
        source=record.checkpoint,
        source_progress=max(record.progress, trial.source_progress),
        stale_copy_count=0 if is_further_on else trial.stale_copy_count + 1,
    )
    return _put(state, new)


def _skipped(state: Experiment, record: d.Skipped) -> Experiment:
    trial = _trial(state, record.trial)
    return _put(state, msgspec.structs.replace(trial, decisions=trial.decisions + 1))


def _completed(state: Experiment, record: d.Completed) -> Experiment:
    return _put(state, moved(_trial(state, record.trial), Status.DONE, slot=None))


def _retried(state: Experiment, record: d.Retried) -> Experiment:
    _trial(state, record.trial)
    return state


def _abandoned(state: Experiment, record: d.Abandoned) -> Experiment:
    trial = _trial(state, record.trial)
    return _put(state, moved(trial, Status.FAILED))


def _halted(state: Experiment, record: d.Halted) -> Experiment:
    return msgspec.structs.replace(state, halted=record.reason)


def _evicted(state: Experiment, record: d.Evicted) -> Experiment:
    trial = _trial(state, record.trial)
    kept = tuple(keep for keep in trial.kept if keep.checkpoint not in record.checkpoints)
    new = msgspec.structs.replace(trial, kept=kept)
    return _put(state, new, lost=record.checkpoints)


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
    return _put(state, new)


def _yielded(state: Experiment, record: d.Yielded) -> Experiment:
    trial = _trial(state, record.trial, record.attempt)
    return _put(state, moved(trial, Status.PAUSED, slot=None))


_FOLDS: Final = cast(
    "dict[type[Record], Callable[[Experiment, Record], Experiment]]",
    {
        e.Opened: _opened,
        e.Reported: _reported,
        e.Saved: _saved,
        e.Returned: _returned,
        e.Failed: _failed,
        e.Noticed: _unchanged,
        d.Created: _created,
        d.Ranked: _ranked,
        d.Exploited: _exploited,
        d.Skipped: _skipped,
        d.Completed: _completed,
        d.Retried: _retried,
        d.Abandoned: _abandoned,
        d.Halted: _halted,
        d.Evicted: _evicted,
        d.Released: _released,
        d.Started: _started,
        d.Yielded: _yielded,
    },
)
