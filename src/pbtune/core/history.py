"""What a run remembers for its method: past intervals, the best checkpoint, how long to wait.

Part of ``fold``: everything here is a function of the records.
"""

import math
from typing import Final

import msgspec

from pbtune.core import decisions as d
from pbtune.core.experiment import Experiment, Interval, Pin, with_pin
from pbtune.core.trial import Rank, Trial
from pbtune.errors import EngineBug

HISTORY_COUNT_MAX: Final = 1000
"""Intervals that are remembered of a run, where a method learns from them."""
SCORES_COUNT_MAX: Final = 32
"""Scores that are remembered of a member's weights."""


def remembered(
    state: Experiment, before: Trial, rank: Rank, *, waits: bool
) -> tuple[Interval, ...]:
    """The history with the interval that a report ended.

    Args:
        state: The state before the report was ranked.
        before: Its trial then.
        rank: The ranked report.
        waits: Whether the trial is now at a gate.
    """
    interval = Interval(
        trial=before.id,
        index=before.index,
        generation=rank.generation,
        progress_before=before.interval_start,
        progress=rank.progress,
        score_before=before.base_score,
        score=rank.score,
        config=rank.config,
        gate=state.generation + 1 if waits else 0,
    )
    history = list(state.history[-(HISTORY_COUNT_MAX - 1) :])
    # Who comes first to a gate depends on the slots; what is learned there must not.
    at = len(history)
    while (
        waits
        and at
        and history[at - 1].gate == interval.gate
        and history[at - 1].index > before.index
    ):
        at -= 1
    history.insert(at, interval)
    return tuple(history)


def pin_moved(state: Experiment, record: d.Pinned) -> Experiment:
    """The state with the best checkpoint ever pinned, and the former one let go."""
    rank = state.trials[record.trial].rank
    if rank is None or rank.checkpoint != record.checkpoint:
        message = f"{record.checkpoint} is pinned, but {record.trial} is not ranked by it"
        raise EngineBug(message)
    return with_pin(state, Pin(record.trial, rank))


def interval_grown(state: Experiment, record: d.IntervalGrown) -> Experiment:
    """The state with a longer interval for all; after a restart nothing was learned yet."""
    interval = record.interval
    state = msgspec.structs.replace(
        state,
        interval=interval,
        improved_at=state.ranked_count,
        improved_in=state.generation,
        trials={
            name: msgspec.structs.replace(trial, interval=interval)
            for name, trial in state.trials.items()
        },
    )
    if not record.is_restart:
        return state
    state = msgspec.structs.replace(state, history=(), best_score=-math.inf)
    return state if state.pin is None else with_pin(state, None)
