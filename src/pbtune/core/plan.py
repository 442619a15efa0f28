"""Who gets the slots, and which commands make the executor's reality equal to the state.

``place`` journals attempts before anybody is told; ``plan`` compares what should run with what
does, and is the same function at start, on every turn and after a crash.
"""

from collections.abc import Sequence
from typing import cast

import msgspec

from pbtune.core.decisions import Placement, Started, Yielded
from pbtune.core.experiment import Experiment
from pbtune.core.fold import fold
from pbtune.core.lease import Lease
from pbtune.core.rng import seed_for
from pbtune.core.settings import Settings
from pbtune.core.trial import Config, Trial


class Running(msgspec.Struct, frozen=True):
    """What a slot is doing. ``is_held``: its worker waits in ``report`` for a verdict."""

    slot: int
    trial: str | None = None
    attempt: int = 0
    is_held: bool = False


class Continue(msgspec.Struct, frozen=True):
    """Let a held worker go on, under a new lease."""

    slot: int
    trial: str
    attempt: int
    lease: Lease


class Start(msgspec.Struct, frozen=True):
    """Begin an attempt in a slot, in place of whatever its worker does now."""

    slot: int
    trial: str
    attempt: int
    segment: int
    config: Config
    lease: Lease
    seed: int
    step: int = 0
    time_total_s: float = 0.0
    checkpoint: str | None = None
    checkpoint_number: int = 0
    is_copy: bool = False


class Stop(msgspec.Struct, frozen=True):
    """End what runs in a slot; nothing follows it there for now."""

    slot: int
    trial: str
    attempt: int


Command = Continue | Start | Stop


def place(
    state: Experiment, slot_count: int, held: Sequence[str]
) -> tuple[Experiment, list[Placement]]:
    """Give free slots to those furthest behind.

    A member yields its slot only at a blocking report whose checkpoint is its restore point, and
    only to somebody who waits and is behind. A free slot never causes a pause. Where all slots are
    held at a gate, members yield theirs with an older restore point, too.

    Args:
        state: The state after this turn's decisions.
        slot_count: Slots that may be used, >= 1.
        held: Trials whose workers wait for a verdict.

    Returns:
        The new state, and the placements that led to it.
    """
    if state.is_finished:
        return state, []
    placements: list[Placement] = []
    free = [slot for slot in range(slot_count) if slot not in state.slots]
    behind = len(free)
    # Those furthest ahead yield first: else one could yield, and be the next to start again.
    for trial in sorted((state.trials[name] for name in held), key=_furthest_ahead):
        if len(state.waiting) <= behind:
            break
        slot = _slot_to_yield(trial)
        # At the gate a slot is of no use to a member, however far the others are.
        if slot is not None and (trial.is_gated or state.waiting[behind][0] < trial.turn[0]):
            placements.append(Yielded(trial.id, trial.attempt))
            free.append(slot)
            behind += 1
    if not free and is_stuck(state, slot_count, held):
        placements, free = _last_resort(state, held)
    for placement in placements:
        state = fold(state, placement)
    for slot in free:
        if not state.waiting:
            break
        started = _start(state.trials[state.waiting[0][2]], slot)
        state = fold(state, started)
        placements.append(started)
    return state, placements


def is_stuck(state: Experiment, slot_count: int, held: Sequence[str]) -> bool:
    """Whether a synchronous population can't go on: all slots are held at the gate.

    It has fewer slots than members, and none of those in a slot has a checkpoint to pause with.
    """
    if state.is_finished or not state.waiting or len(state.slots) < slot_count:
        return False
    at_gate = [
        name for name in held if state.trials[name].is_gated and name in state.slots.values()
    ]
    return len(at_gate) == len(state.slots)


def _furthest_ahead(trial: Trial) -> tuple[bool, float, int]:
    return (not trial.is_gated, -trial.turn[0], trial.index)


def _last_resort(state: Experiment, held: Sequence[str]) -> tuple[list[Placement], list[int]]:
    """Members at the gate give up slots, and what they made since their older checkpoints."""
    placements: list[Placement] = []
    free: list[int] = []
    for trial in sorted((state.trials[name] for name in held), key=_furthest_ahead):
        has_slot = trial.slot is not None and trial.restore is not None
        if has_slot and len(free) < len(state.waiting):
            placements.append(Yielded(trial.id, trial.attempt))
            free.append(cast("int", trial.slot))
    return placements, free


def _slot_to_yield(trial: Trial) -> int | None:
    """The slot of a member that loses nothing by giving it up, because it has just saved."""
    point = trial.restore
    return trial.slot if point is not None and point.step == trial.step else None


def _start(trial: Trial, slot: int) -> Started:
    point = trial.restore
    return Started(
        trial=trial.id,
        attempt=trial.attempt + 1,
        slot=slot,
        segment=trial.segment,
        step=trial.step,
        time_total_s=trial.time_total_s,
        checkpoint=None if point is None else point.checkpoint,
        supersedes=trial.redo,
    )


def plan(settings: Settings, state: Experiment, running: Sequence[Running]) -> list[Command]:
    """The commands that make what runs equal to what should run."""
    commands: list[Command] = []
    for view in running:
        name = None if state.halted is not None else state.slots.get(view.slot)
        if name is None:
            if view.trial is not None:
                commands.append(Stop(view.slot, view.trial, view.attempt))
            continue
        trial = state.trials[name]
        if view.trial != name or view.attempt != trial.attempt:
            commands.append(_start_command(settings, trial, view.slot))
        elif view.is_held and not trial.is_gated:
            commands.append(Continue(view.slot, name, trial.attempt, settings.lease(trial)))
    return commands


def _start_command(settings: Settings, trial: Trial, slot: int) -> Start:
    point = trial.restore
    # The address has no attempt in it: a retry from the same point draws the same numbers.
    address = f"{trial.segment}.{trial.step}"
    return Start(
        slot=slot,
        trial=trial.id,
        attempt=trial.attempt,
        segment=trial.segment,
        config=trial.config,
        lease=settings.lease(trial),
        seed=seed_for(settings.objective.seed, "attempt", trial.id, address),
        step=trial.step,
        time_total_s=trial.time_total_s,
        checkpoint=None if point is None else point.checkpoint,
        checkpoint_number=trial.next_number,
        is_copy=trial.segment > 0 and point is not None and point.checkpoint == trial.source,
    )
