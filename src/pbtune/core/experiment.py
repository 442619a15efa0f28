"""The state of a run: its trials, and views derived from them.

The views (ranking, waiting, slots, references) are kept up to date by ``put`` alone, and
``validate`` recomputes them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.ranking import Entry, added, entry, removed
from pbtune.core.trial import Config, Rank, Status, Trial
from pbtune.errors import EngineBug

Record = e.Event | d.Decision | d.Placement
WAITING: Final = frozenset({Status.PENDING, Status.PAUSED})


class Pin(msgspec.Struct, frozen=True):
    """The best ranked report ever, whose checkpoint is kept whatever becomes of its trial."""

    trial: str
    rank: Rank


class Interval(msgspec.Struct, frozen=True):
    """What one interval of training did to a score: what models learn from.

    ``score_before`` is that of the weights it began with, a donor's after a copy; None if they had
    none. ``generation`` counts the intervals of the weights, the first is 1. ``gate`` is the one of
    a synchronous population that it led to, the first is 1; 0 where there is none.
    """

    trial: str
    index: int
    generation: int
    progress_before: float
    progress: float
    score_before: float | None
    score: float
    config: Config
    gate: int = 0


class Experiment(msgspec.Struct, frozen=True):
    """All that decisions depend on.

    ``ranking`` orders the live ranked members, worst first; ``waiting`` those without a slot, the
    one furthest behind first; ``slots`` says who holds which; ``references`` counts who needs a
    checkpoint; ``garbage`` are checkpoints that nobody needs and that are not released yet;
    ``gated_count`` members stand at the gate, which has opened ``generation`` times.

    ``history`` are the last intervals, if the method learns from them. ``ranked_count`` reports
    were ranked; the one that made ``best_score`` was number ``improved_at``, in generation
    ``improved_in``. ``pin`` is the best checkpoint ever, if the method goes back to it.
    ``interval`` is the grown one, 0 before that.

    ``rungs`` are the scores at each milestone of a bracket, worst first, of those who have passed
    it and of those who wait there; see ``milestones.scores_at``.
    """

    trials: Mapping[str, Trial] = {}
    ranking: Sequence[Entry] = []
    waiting: Sequence[tuple[float, int, str]] = []
    slots: Mapping[int, str] = {}
    references: Mapping[str, int] = {}
    garbage: tuple[str, ...] = ()
    session: int = 0
    live_count: int = 0
    gated_count: int = 0
    generation: int = 0
    halted: str | None = None
    history: tuple[Interval, ...] = ()
    ranked_count: int = 0
    best_score: float = -math.inf
    improved_at: int = 0
    improved_in: int = 0
    pin: Pin | None = None
    interval: float = 0.0
    rungs: Mapping[str, Sequence[Entry]] = {}

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
        expected: dict[str, tuple[object, object]] = {
            name: (getattr(self, name), derived) for name, derived in _views(self).items()
        }
        expected["running"] = (
            {it.id for it in self.trials.values() if it.status is Status.RUNNING},
            set(self.slots.values()),
        )
        for name, (kept, derived) in expected.items():
            if kept != derived:
                message = f"{name} is {kept!r} but the trials say {derived!r}"
                raise EngineBug(message)


def with_views(state: Experiment) -> Experiment:
    """The state with every derived view made anew from its trials and its pin."""
    return msgspec.structs.replace(state, **_views(state))


def _views(state: Experiment) -> dict[str, object]:
    trials = state.trials.values()
    return {
        "ranking": sorted(filter(None, map(_ranking_entry, trials))),
        "waiting": sorted(filter(None, map(_waiting_entry, trials))),
        "slots": {it.slot: it.id for it in trials if it.slot is not None},
        "references": _count_references(trials, state.pin),
        "live_count": sum(it.is_live for it in trials),
        "gated_count": sum(it.is_live and it.is_gated for it in trials),
    }


def _ranking_entry(trial: Trial) -> Entry | None:
    if trial.rank is None or not trial.is_live:
        return None
    return entry(trial.rank.score, trial.index, trial.id)


def _waiting_entry(trial: Trial) -> tuple[float, int, str] | None:
    if trial.status not in WAITING or trial.is_gated:
        return None
    return trial.turn


def pinned(pin: Pin | None) -> list[str]:
    """The checkpoint that the run itself holds, if there is one."""
    return [] if pin is None or pin.rank.checkpoint is None else [pin.rank.checkpoint]


def _count_references(trials: Iterable[Trial], pin: Pin | None) -> dict[str, int]:
    counts: dict[str, int] = dict.fromkeys(pinned(pin), 1)
    for trial in trials:
        for checkpoint in [*trial.pins(), *(keep.checkpoint for keep in trial.kept)]:
            counts[checkpoint] = counts.get(checkpoint, 0) + 1
    return counts


def put(
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
    was_live, is_live = old.is_live, new.is_live
    if old.rank is not new.rank or was_live is not is_live:
        before, after = _ranking_entry(old), _ranking_entry(new)
        ranking = state.ranking if before is None else removed(state.ranking, before)
        changes["ranking"] = ranking if after is None else added(ranking, after)
    was, waits = _waiting_entry(old), _waiting_entry(new)
    if was != waits:
        waiting = state.waiting if was is None else removed(state.waiting, was)
        changes["waiting"] = waiting if waits is None else added(waiting, waits)
    if old.slot != new.slot:
        changes["slots"] = _moved_slot(state.slots, old.slot, new)
    if was_live is not is_live:
        changes["live_count"] = state.live_count + (1 if is_live else -1)
    gated_before, gated = was_live and old.is_gated, is_live and new.is_gated
    if gated_before is not gated:
        changes["gated_count"] = state.gated_count + (1 if gated else -1)
    gained, lost = [*new.pins(), *gained], [*old.pins(), *lost]
    if gained != lost:
        changes["references"], dropped = _recounted(state.references, gained, lost)
        if dropped:
            changes["garbage"] = state.garbage + dropped
    return msgspec.structs.replace(state, **changes)


def with_pin(state: Experiment, pin: Pin | None) -> Experiment:
    """The state with another pin, and the references moved along."""
    references, dropped = _recounted(state.references, pinned(pin), pinned(state.pin))
    return msgspec.structs.replace(
        state, pin=pin, references=references, garbage=state.garbage + dropped
    )


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
