"""Recompute every decision of a recorded run, and name the first that differs (law 2).

What the user's callables gave is a recorded input: it is looked up in the decision that holds it,
and not computed again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast, get_args

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.decide import decide
from pbtune.core.experiment import Experiment, Record
from pbtune.core.fold import fold
from pbtune.core.retention import release
from pbtune.core.settings import Settings
from pbtune.core.values import is_dict

_EVENTS: Final = get_args(e.Event)
_DECIDED: Final = tuple(kind for kind in get_args(d.Decision) if kind is not d.Released)


class Difference(msgspec.Struct, frozen=True):
    """The first place where the journal and a recomputation part.

    ``at`` is the id of the record; ``recorded`` or ``recomputed`` is None where one of them has no
    decision left.
    """

    at: int
    event: e.Event
    recorded: Record | None
    recomputed: Record | None


class RecordedCalls:
    """The door to the user's callables, answering from the decisions that follow an event."""

    def __init__(self) -> None:
        self.decisions: Sequence[Record] = ()

    def call(
        self, function: Callable[..., object], args: tuple[object, ...], address: str
    ) -> object:
        """What the journal says that the callable gave."""
        del function, args
        _seed, purpose, trial, *rest = address.split("/")
        path = "/".join(rest[1:] if purpose == "explore" else rest)
        for decision in self.decisions:
            if (
                isinstance(decision, (d.Created, d.Exploited, d.Restarted))
                and decision.trial == trial
            ):
                if path == "custom_explore_fn":
                    return decision.config
                return _at(decision.config, path)
        return None


def _at(config: object, path: str) -> object:
    for key in path.split("/"):
        config = config.get(key) if is_dict(config) else None
    return config


def verify(
    settings: Settings,
    entries: Iterable[tuple[int, Record]],
    calls: RecordedCalls,
    reconfigured: Callable[[str], Settings],
) -> tuple[Experiment, int, Difference | None]:
    """Recompute a run.

    Args:
        settings: Those that the run began with; their user calls are ``calls``.
        entries: The records in order, with their ids.
        calls: Answers for the user's callables.
        reconfigured: The settings of a ``Reconfigured`` record, from its text.

    Returns:
        The state, how many decisions were recomputed, and the first difference if there is one.
    """
    state, count = Experiment(), 0
    blocks = _blocks(entries)
    for at, event, following in blocks:
        if isinstance(event, e.Reconfigured) and event.settings:
            settings = reconfigured(event.settings)
        state = fold(state, event)
        recorded = [record for _, record in following if _is_decided(record)]
        calls.decisions = recorded
        recomputed = decide(settings, state, event)
        count += len(recorded)
        difference = _first(at, event, recorded, recomputed)
        if difference is not None:
            return state, count, difference
        for number, record in following:
            if isinstance(record, d.Released) and [record] != release(state):
                return state, count, Difference(number, event, record, None)
            state = fold(state, record)
    return state, count, None


def _is_decided(record: Record) -> bool:
    """Whether ``decide`` gave it: a halt that names no trial is the driver's, for want of slots."""
    if isinstance(record, d.Halted) and record.trial is None:
        return False
    return isinstance(record, _DECIDED)


def _blocks(
    entries: Iterable[tuple[int, Record]],
) -> list[tuple[int, e.Event, list[tuple[int, Record]]]]:
    """Each event with what follows it up to the next one."""
    blocks: list[tuple[int, e.Event, list[tuple[int, Record]]]] = []
    for at, record in entries:
        if isinstance(record, _EVENTS):
            blocks.append((at, cast("e.Event", record), []))
        else:
            blocks[-1][2].append((at, record))
    return blocks


def _first(
    at: int, event: e.Event, recorded: Sequence[Record], recomputed: Sequence[Record]
) -> Difference | None:
    for index in range(max(len(recorded), len(recomputed))):
        left = recorded[index] if index < len(recorded) else None
        right = recomputed[index] if index < len(recomputed) else None
        # repr, since NaN is not equal to itself.
        if repr(left) != repr(right):
            return Difference(at, event, left, right)
    return None
