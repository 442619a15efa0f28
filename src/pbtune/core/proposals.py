"""What a model of training is asked, and what it may look at.

The model itself is behind a port: a callable of a ``Question`` that gives a ``Point``. What it
proposes is a recorded input, so the core needs no arithmetic of arrays, and ``verify`` no model.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from pbtune.core.encoding import Dimension, Point, encoded
from pbtune.core.experiment import Interval

ROW_COUNT_MIN: Final = 3
"""With fewer intervals there is nothing to learn from: configs are drawn."""


class Row(msgspec.Struct, frozen=True):
    """One past interval: where it began, under which config, and its gain per unit of progress."""

    generation: int
    score_before: float
    point: Point
    gain: float


class Question(msgspec.Struct, frozen=True):
    """Which config should weights be trained under in their next interval?

    ``generation`` is that interval's, ``score`` what the weights have reached, and ``centre`` their
    last config. ``pending`` are the points of the other members. Numbers may lie ``side`` / 2 from
    the centre at most, and ``changes_max`` categories may differ. ``category_counts`` are the sizes
    of the categories, ``seed`` is the address of this decision.
    """

    rows: tuple[Row, ...]
    centre: Point
    generation: int
    score: float
    pending: tuple[Point, ...]
    category_counts: tuple[int, ...]
    seed: int
    side: float = 2.0
    changes_max: int = 1_000_000


Proposer = Callable[[Question], Point]


class TrustRegion(msgspec.Struct, frozen=True):
    """Where proposals may lie, around the config that is copied (BG-PBT, Wan et al. 2022).

    Sides are shares of each hyperparameter's range. A round is a success if it has a new best
    score. After ``patience`` rounds without one, or when the side falls under ``least``, what was
    learned is dropped and the region is as at first.
    """

    first: float = 0.4
    least: float = 0.15
    most: float = 1.0
    factor: float = 1.5
    success_count: int = 3
    failure_count: int = 10
    patience: int = 15


def region(history: Sequence[Interval], settings: TrustRegion) -> tuple[float, int]:
    """The side of the region after a history, and the index of the first interval that counts.

    A round ends when a trial comes up again.
    """
    side, best, start = settings.first, -math.inf, 0
    successes = failures = stale = 0
    for begin, end in _rounds(history):
        scores = [it.score for it in history[begin:end] if not math.isnan(it.score)]
        top = max(scores, default=best)
        if top > best:
            best, successes, failures, stale = top, successes + 1, 0, 0
        else:
            successes, failures, stale = 0, failures + 1, stale + 1
        if successes == settings.success_count:
            side, successes = min(side * settings.factor, settings.most), 0
        elif failures == settings.failure_count:
            side, failures = side / settings.factor, 0
        if side < settings.least or stale >= settings.patience:
            side, best, start = settings.first, -math.inf, end
            successes = failures = stale = 0
    return side, start


def _rounds(history: Sequence[Interval]) -> list[tuple[int, int]]:
    rounds: list[tuple[int, int]] = []
    seen: set[str] = set()
    begin = 0
    for at, interval in enumerate(history):
        if interval.trial in seen:
            rounds.append((begin, at))
            begin = at
            seen.clear()
        seen.add(interval.trial)
    # The last round counts when it is over: nobody knows yet who else comes.
    return rounds


def rows_of(history: Sequence[Interval], space: Sequence[Dimension], count: int) -> tuple[Row, ...]:
    """The last intervals that have a gain, as a model takes them.

    Args:
        history: Past intervals, in order.
        space: The model's hyperparameters.
        count: At most so many, > 0.
    """
    rows = [
        Row(
            generation=it.generation,
            score_before=it.score_before,
            point=encoded(it.config, space),
            gain=(it.score - it.score_before) / (it.progress - it.progress_before),
        )
        for it in history
        if it.score_before is not None
        and math.isfinite(it.score_before)
        and math.isfinite(it.score)
        and it.progress > it.progress_before
    ]
    return tuple(rows[-count:])
