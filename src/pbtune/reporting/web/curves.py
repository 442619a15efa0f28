"""A metric's curves, thinned out by SQL, and kept up to date while they grow.

A screen has about a thousand columns, so that of a million reports only the least and the greatest
of each stretch of steps can be seen. SQL finds them; what is new is merged in, and stretches get
twice as long when there are too many.
"""

import math
from collections.abc import Iterable
from typing import Final, final

from pbtune.journal.glance import Bucket, buckets, newest_values, samples
from pbtune.journal.reader import JournalReader

POINTS_MAX: Final = 60_000
BUCKETS_MAX: Final = 400
BUCKETS_MIN: Final = 40
CHUNK_REPORTS: Final = 100_000
"""How many are read at a time: about a tenth of a second."""


@final
class Curves:
    """One metric of all members.

    Args:
        metric: Its '/'-joined path.
        member_count: How many share the points that there are.

    Attributes:
        size: Steps in a bucket.
        cursor: The newest report that is in them.
        is_rough: Whether only samples are shown so far, since exact values take longer.
    """

    def __init__(self, metric: str, member_count: int) -> None:
        self.metric = metric
        self.size = 1
        self.cursor = 0
        self.is_rough = False
        share = POINTS_MAX // max(1, member_count)
        self._count_max = min(BUCKETS_MAX, max(BUCKETS_MIN, share))
        self._exact: dict[str, dict[int, tuple[float, float]]] = {}
        self._rough: dict[str, dict[int, tuple[float, float]]] = {}

    def advance(self, reader: JournalReader, newest: int, steps: int) -> None:
        """Take in the next reports, at most ``CHUNK_REPORTS``. Of many, samples come first.

        Args:
            reader: The run's journal.
            newest: The id of the newest report.
            steps: The furthest step of all.
        """
        if self.cursor >= newest:
            return
        is_first = self.cursor == 0
        while math.ceil(steps / self.size) > self._count_max * (1 if is_first else 2):
            self.size *= 2
            self._exact = {trial: _halved(found) for trial, found in self._exact.items()}
        if is_first and newest > CHUNK_REPORTS and self.size > 1 and not self.is_rough:
            self._rough = _merged({}, samples(reader, self.metric, self.size))
            self.is_rough = True
            return
        until = min(newest, self.cursor + CHUNK_REPORTS)
        if self.size == 1:
            new = newest_values(reader, self.metric, (self.cursor, until))
            for it in new:
                self._exact.setdefault(it.trial, {})[it.index] = (it.low, it.high)
        else:
            new = buckets(reader, self.metric, self.size, (self.cursor, until))
            self._exact = _merged(self._exact, new)
        self.cursor = until
        self.is_rough = until < newest and bool(self._rough)
        if not self.is_rough:
            self._rough = {}

    def points(self, trials: Iterable[str]) -> tuple[list[float], list[list[float | None]]]:
        """The steps that all curves share, and each trial's values there; None where it has none.

        A bucket of several steps is two points: its least and greatest value, in the order in which
        the curve runs.
        """
        source = self._rough if self.is_rough else self._exact
        chosen = [source.get(trial, {}) for trial in trials]
        indices = sorted({index for found in chosen for index in found})
        if self.size == 1:
            steps: list[float] = [index + 1 for index in indices]
            return steps, [[_value(found.get(index)) for index in indices] for found in chosen]
        half = self.size / 2
        steps = [index * self.size + 1 + more for index in indices for more in (0, half)]
        return steps, [_zigzag(found, indices) for found in chosen]


def _halved(found: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    pairs: dict[int, tuple[float, float]] = {}
    for index, (low, high) in found.items():
        before = pairs.get(index // 2, (low, high))
        pairs[index // 2] = (min(before[0], low), max(before[1], high))
    return pairs


def _merged(
    known: dict[str, dict[int, tuple[float, float]]], new: Iterable[Bucket]
) -> dict[str, dict[int, tuple[float, float]]]:
    for it in new:
        found = known.setdefault(it.trial, {})
        low, high = found.get(it.index, (it.low, it.high))
        found[it.index] = (min(low, it.low), max(high, it.high))
    return known


def _value(found: tuple[float, float] | None) -> float | None:
    return None if found is None else found[1]


def _zigzag(found: dict[int, tuple[float, float]], indices: list[int]) -> list[float | None]:
    values: list[float | None] = []
    before = -math.inf
    for index in indices:
        if index not in found:
            values += (None, None)
            continue
        low, high = found[index]
        middle = (low + high) / 2
        values += (low, high) if middle >= before else (high, low)
        before = middle
    return values
