"""What a trial is: plain data, and the table of its legal moves."""

import math
from bisect import bisect_right
from enum import Enum
from typing import Final

import msgspec

from pbtune.errors import EngineBug

Config = dict[str, object]
"""Hyperparameters by name; nested dicts as the user wrote them."""


class Status(Enum):
    """Where a trial stands. Only RUNNING holds a slot."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    DONE = "DONE"
    FAILED = "FAILED"


LEGAL: Final[dict[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset(
        {Status.RUNNING, Status.PENDING, Status.PAUSED, Status.DONE, Status.FAILED}
    ),
    Status.RUNNING: frozenset({Status.PENDING, Status.PAUSED, Status.DONE, Status.FAILED}),
    Status.PAUSED: frozenset({Status.RUNNING, Status.PAUSED, Status.PENDING, Status.DONE}),
    Status.DONE: frozenset({Status.PENDING, Status.PAUSED}),
    Status.FAILED: frozenset({Status.PENDING, Status.PAUSED}),
}
"""Which status may follow which. An exploit of a trial that waits moves PAUSED to PAUSED, and a
restart from nothing PAUSED to PENDING. A trial whose checkpoint is damaged goes back from where it
waits: after a failure PENDING to PENDING or PAUSED.

Out of an ended status leads only what a person asked for: a reopening, or the replacement of a
member that failed for good.
"""

ENDED: Final = frozenset({Status.DONE, Status.FAILED})
# Asked many times a report, and an Enum's hash is Python code.
_DONE: Final = Status.DONE
_FAILED: Final = Status.FAILED


class RestorePoint(msgspec.Struct, frozen=True):
    """Where the next attempt starts: weights, and how far they had been trained.

    ``progress`` is in units of the scheduler's ``time_attr``; ``step`` counts reports.
    """

    checkpoint: str
    step: int
    progress: float
    time_total_s: float


class Rank(msgspec.Struct, frozen=True):
    """One ranked report: score, weights, config and progress belong together.

    ``score`` is oriented so that larger is better; it may be NaN. ``checkpoint`` is None for a
    member that can be replaced but not copied. ``generation`` counts the intervals behind these
    weights; ``scores`` are the last ones of these weights, and ``values`` one score a metric, where
    a method needs them.
    """

    score: float
    step: int
    progress: float
    time_total_s: float
    config: Config
    checkpoint: str | None = None
    generation: int = 0
    scores: tuple[float, ...] = ()
    values: tuple[float, ...] = ()


class Origin(msgspec.Struct, frozen=True):
    """What a trial counts from, when it begins anew from nothing in the middle of its budget."""

    step: int
    progress: float
    time_total_s: float


class Trace(msgspec.Struct, frozen=True):
    """The scores that a trial is judged by, so far.

    ``points`` are (progress, how many reports count up to there, the sum of their scores),
    ascending. ``best`` is the best score of all that are numbers, -inf before the first.
    """

    points: tuple[tuple[float, int, float], ...] = ()
    best: float = -math.inf

    def mean(self, progress: float) -> float | None:
        """The mean of the scores that count up to a progress.

        Returns:
            None if none count, or if one is no finite number.
        """
        at = bisect_right(self.points, (progress, math.inf))
        _, count, total = self.points[at - 1] if at else (0.0, 0, 0.0)
        return total / count if count and math.isfinite(total) else None

    def with_point(self, progress: float, score: float, *, counts: bool) -> "Trace":
        """The trace with one more report, which is further on than all others."""
        _, count, total = self.points[-1] if self.points else (0.0, 0, 0.0)
        point = (progress, count + 1, total + score) if counts else (progress, count, total)
        best = self.best if math.isnan(score) else max(self.best, score)
        return Trace((*self.points, point), best)

    @property
    def end(self) -> float:
        """The furthest progress that is in it, -inf before the first."""
        return self.points[-1][0] if self.points else -math.inf


class Kept(msgspec.Struct, frozen=True):
    """A checkpoint that retention holds for its own trial, with the score it is kept by."""

    checkpoint: str
    score: float | None = None


class Trial(msgspec.Struct, frozen=True):
    """One member of the population, as the journal tells it.

    ``attempt`` numbers every start, ``segment`` every exploit. ``own`` is the trial's newest own
    checkpoint; after an exploit it stays pinned until the copy has committed one of its own.
    ``decisions`` counts the scheduler's decisions on this trial: the address of its next draw.
    ``source`` is the last exploit's checkpoint, ``source_progress`` the furthest that any began at,
    ``stale_copy_count`` how many in a row began no further on. ``next_number`` is the least number
    that no checkpoint of the trial has had. ``redo``: the last attempt was cut short, so steps may
    be done again. ``is_gated``: ranked, and waiting for the rest of a synchronous population.

    Of the weights that it trains, its own or a donor's: ``generation`` counts the intervals,
    ``base_score`` is the score that they began this interval with, ``scores`` are the last ones.
    ``interval`` replaces the scheduler's where that has grown; 0 leaves it. ``first`` is the config
    that the trial was created with, and ``origin`` what it counts from without a checkpoint.

    ``milestone`` is the last one that it was measured at, in its ``bracket``; 0 before the first.
    ``trace`` holds the scores that it is judged by, where all are. ``is_deferred``: it goes on only
    while nobody else wants its slot. ``yielded_at`` is its progress when it last gave it away.
    """

    id: str
    index: int
    config: Config
    status: Status = Status.PENDING
    attempt: int = 0
    segment: int = 0
    slot: int | None = None
    step: int = 0
    progress: float = 0.0
    time_total_s: float = 0.0
    interval_start: float = 0.0
    decisions: int = 0
    failures: int = 0
    rank: Rank | None = None
    restore: RestorePoint | None = None
    own: str | None = None
    kept: tuple[Kept, ...] = ()
    parent: str | None = None
    source: str | None = None
    source_progress: float = 0.0
    stale_copy_count: int = 0
    redo: bool = False
    next_number: int = 0
    is_gated: bool = False
    generation: int = 0
    base_score: float | None = None
    scores: tuple[float, ...] = ()
    interval: float = 0.0
    first: Config = {}
    origin: Origin | None = None
    bracket: int = 0
    milestone: float = 0.0
    trace: Trace = Trace()
    is_deferred: bool = False
    yielded_at: float = -math.inf

    @property
    def is_live(self) -> bool:
        """Whether the trial may still train."""
        return self.status is not _DONE and self.status is not _FAILED

    @property
    def turn(self) -> tuple[float, int, str]:
        """Its place among those who want a slot: the one furthest behind first."""
        return (math.inf if self.is_deferred else self.progress, self.index, self.id)

    def pins(self) -> list[str]:
        """The checkpoints pinned by this trial, besides those that it ``kept``; repeats allowed.

        An ended trial keeps its restore point: that is its result.
        """
        held = [] if self.restore is None else [self.restore.checkpoint]
        if self.is_live:
            if self.own is not None:
                held.append(self.own)
            if self.rank is not None and self.rank.checkpoint is not None:
                held.append(self.rank.checkpoint)
        return held


def moved(trial: Trial, status: Status, **changes: object) -> Trial:
    """The trial with another status, if the move is legal.

    Raises:
        EngineBug: If ``LEGAL`` doesn't list the move; the trial is unchanged.
    """
    if status not in LEGAL[trial.status]:
        message = f"trial {trial.id} can't go from {trial.status.value} to {status.value}"
        raise EngineBug(message)
    return msgspec.structs.replace(trial, status=status, **changes)
