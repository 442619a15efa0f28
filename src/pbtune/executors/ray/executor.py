"""Slots on the nodes of a Ray cluster."""

import contextlib
import time
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.core.plan import Command, Continue, Running, Start, Stop
from pbtune.executors.base import AbstractExecutor, Turn
from pbtune.executors.inline import begin_order
from pbtune.executors.processes.executor import TICK_S, Conduct
from pbtune.executors.ray import library
from pbtune.executors.ray.cluster import Node, Request, slot_count
from pbtune.executors.ray.deaths import Births, death, is_unborn
from pbtune.executors.ray.door import Visitor
from pbtune.executors.ray.handle import Ended, Handle
from pbtune.executors.ray.inbox import Inbox
from pbtune.executors.ray.reception import Reception
from pbtune.executors.ray.weights import Cargo, Carried, Carrier, free_number, read_tree
from pbtune.version import __version__
from pbtune.worker.protocol import Begin, Died, End, Message, Proceed

BROKEN_S: Final = 5.0
"""How long Ray may take to say why an actor's connection ended."""
_LEAVE_S: Final = 5.0
_INLINE_BYTES_MAX: Final = 50_000
"""A larger job goes to each node once, through Ray's object store."""


class Placing(msgspec.Struct, frozen=True):
    """Where a run's slots may be. ``slots_max`` None: as many as the nodes make.

    ``wanted`` actors are started at once, before there is anything to run on them.
    ``storage_is_shared``: every node reaches the checkpoints by itself, at a URL.
    """

    request: Request = Request()
    slots_max: int | None = None
    storage_is_shared: bool = False
    wanted: int = 0


@final
class RayExecutor(AbstractExecutor):
    """One actor a slot, warm from its start on.

    Args:
        payload: The packed job.
        run_dir: The run's folder.
        placing: What slots need, and where they may be.
        conduct: How actors are treated.
    """

    def __init__(
        self,
        payload: bytes,
        run_dir: Path,
        placing: Placing | None = None,
        conduct: Conduct | None = None,
    ) -> None:
        self._placing = placing or Placing()
        self._conduct = conduct or Conduct()
        self._run_dir = run_dir
        is_small = len(payload) <= _INLINE_BYTES_MAX
        self._payload = payload if is_small else library.ray().put(payload)
        self._inbox = Inbox()
        self._reception = Reception(run_dir, self._inbox.put)
        self._carrier = Carrier(run_dir, self._inbox.put)
        self._handles: dict[int, Handle] = {}
        self._worker_count = 0
        self._capacity = self._capacity_of(self._reception.nodes)
        self._sent_again: set[tuple[str, int]] = set()
        self._births = Births()
        self._next_tick_s = 0.0
        self._is_closed = False
        for slot in range(min(self._capacity, self._placing.wanted)):
            self._spawn(slot)

    def open(self, turn: Turn) -> None:
        """Messages are fetched by ``wait``; nothing to prepare."""
        del turn

    def _capacity_of(self, found: list[Node]) -> int:
        count = slot_count(found, self._placing.request)
        limit = self._placing.slots_max
        return count if limit is None else min(count, limit)

    @property
    def slot_count(self) -> int:
        """As many as leave just as many free as there is room for.

        After a node was lost, slots in use may have gaps before them that nobody can fill.
        """
        busy = {slot for slot, it in self._handles.items() if it.talk.trial is not None}
        room = self._capacity - len(busy)
        slot = 0
        while slot in busy or room > 0:
            room -= slot not in busy
            slot += 1
        return slot

    def running(self) -> list[Running]:
        """See the base class."""
        count = max([self.slot_count, *(slot + 1 for slot in self._handles)])
        return [
            self._handles[slot].talk.running(slot) if slot in self._handles else Running(slot)
            for slot in range(count)
        ]

    def do(self, command: Command) -> None:
        """See the base class."""
        handle = self._handles.get(command.slot)
        match command:
            case Continue(attempt=attempt, lease=lease):
                if handle is not None:
                    handle.send(Proceed(attempt, lease))
            case Stop(attempt=attempt):
                if handle is not None:
                    self._end(handle, attempt)
            case Start():
                self._start(handle, command)

    def _end(self, handle: Handle, attempt: int) -> None:
        if handle.first is None:
            handle.send(End(attempt))
        else:
            # It has no place yet, so nothing runs.
            handle.first, handle.talk.trial, handle.talk.unanswered = None, None, None

    def _start(self, handle: Handle | None, start: Start) -> None:
        is_used = handle is not None and handle.talk.heard_s > 0
        if handle is not None and is_used and not self._conduct.reuse and handle.first is None:
            self._give_up(start.slot)
            handle = None
        if handle is None:
            handle = self._warm(start.slot) or self._spawn(start.slot)
        self._begin(handle, begin_order(start, self._conduct.pack))

    def _begin(self, handle: Handle, begin: Begin) -> None:
        """Send an order, with the weights that it needs where there is no shared folder."""
        if handle.who is None:
            handle.first = begin
            handle.talk.told(begin, time.monotonic())
            return
        if self._carries(handle):
            number = free_number(self._run_dir, begin.trial, begin.checkpoint_number)
            begin = msgspec.structs.replace(begin, checkpoint_number=number)
            if begin.checkpoint is not None:
                handle.bring(begin.checkpoint, read_tree(self._run_dir / begin.checkpoint))
        handle.send(begin)

    def _carries(self, handle: Handle) -> bool:
        """Whether an actor's checkpoints travel through Ray."""
        is_apart = handle.who is not None and not handle.who.shares_folder
        return is_apart and not self._placing.storage_is_shared

    def _warm(self, slot: int) -> Handle | None:
        """An idle actor of another slot, if there is no room for one more."""
        if len(self._handles) < self._capacity or not self._conduct.reuse:
            return None
        for other in sorted(self._handles, reverse=True):
            handle = self._handles[other]
            if handle.is_ready and handle.talk.trial is None and handle.talk.unfit is None:
                self._handles[slot] = self._handles.pop(other)
                return handle
        return None

    def _spawn(self, slot: int) -> Handle:
        self._worker_count += 1
        place = self._reception.place(self._worker_count)
        handle = Handle(place, self._payload, self._placing.request, self._inbox.put)
        self._handles[slot] = handle
        return handle

    def _give_up(self, slot: int) -> None:
        handle = self._handles.pop(slot)
        self._carrier.bar(handle.worker)
        if handle.line is not None:
            self._inbox.unwatch(handle.line.control)
        handle.kill()

    def wait(self, timeout_s: float) -> list[Message]:
        """See the base class."""
        until_tick_s = max(0.0, self._next_tick_s - time.monotonic())
        ready, news = self._inbox.wait(min(timeout_s, until_tick_s))
        messages: list[Message] = []
        for slot, handle in list(self._handles.items()):
            if handle.line is not None and handle.line.control.fileno() in ready:
                messages += self._hear(slot, handle)
        for it in news:
            messages += self._taken(it)
        now_s = time.monotonic()
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + TICK_S
            messages += self._tick(now_s)
        return messages

    def _hear(self, slot: int, handle: Handle) -> list[Message]:
        line = handle.line
        if line is None:
            return []
        messages = self._understood(slot, handle, line.read_control())
        if line.is_broken and handle.broken_s is None:
            handle.broken_s = time.monotonic()
            self._inbox.unwatch(line.control)
        return messages

    def _understood(self, slot: int, handle: Handle, bodies: list[bytes]) -> list[Message]:
        """What an actor said; later, if checkpoints have to come first."""
        if bodies and self._carries(handle):
            handle.talk.heard_s = time.monotonic()
            self._carrier.carry(Cargo(handle.worker, tuple(bodies), handle.fetch))
            return []
        messages = handle.talk.understood(bodies)
        if handle.talk.unfit is not None:
            self._replace(slot)
        return messages

    def _taken(self, news: object) -> list[Message]:
        match news:
            case Visitor():
                return self._greeted(news)
            case Ended(worker, error):
                slot = self._slot_of(worker)
                return [] if slot is None else self._bury(slot, error)
            case Carried(worker, bodies, error):
                slot = self._slot_of(worker)
                return [] if slot is None else self._arrived(slot, bodies, error)
            case _:
                self._capacity = self._capacity_of(self._reception.nodes)
                return self._settled()

    def _slot_of(self, worker: int) -> int | None:
        """The slot of an actor; None if it was given up."""
        return next((it for it, its in self._handles.items() if its.worker == worker), None)

    def _arrived(
        self, slot: int, bodies: tuple[bytes, ...], error: BaseException | None
    ) -> list[Message]:
        if error is not None:
            return self._bury(slot, error)
        talk = self._handles[slot].talk
        messages = talk.understood(list(bodies))
        if talk.unfit is not None:
            self._replace(slot)
        return messages

    def _greeted(self, visitor: Visitor) -> list[Message]:
        slot = self._slot_of(visitor.introduction.worker)
        if slot is None:
            visitor.line.close()
            return []
        handle = self._handles[slot]
        self._births.succeeded()
        begin, handle.first = handle.first, None
        if visitor.introduction.pbtune != __version__:
            visitor.line.close()
            self._give_up(slot)
            how = f"its node has pbtune {visitor.introduction.pbtune}, the driver {__version__}"
            return [] if begin is None else [Died(begin.trial, begin.attempt, how)]
        handle.admit(visitor)
        self._inbox.watch(visitor.line.control)
        if begin is not None:
            self._begin(handle, begin)
        return []

    def _replace(self, slot: int) -> None:
        """Put a fresh actor in the place of one that can't go on with what it was ordered."""
        unanswered = self._handles[slot].talk.unanswered
        self._give_up(slot)
        if isinstance(unanswered, Begin):
            self._begin(self._spawn(slot), unanswered)

    def _bury(self, slot: int, error: BaseException) -> list[Message]:
        handle = self._handles[slot]
        talk = handle.talk
        messages: list[Message] = []
        if handle.line is not None and not self._carries(handle):
            # What it said before is in the pipe, and outlives it.
            messages = talk.understood(handle.line.read_control() + handle.line.read_stream())
        self._give_up(slot)
        if handle.line is None and is_unborn(error):
            self._births.failed(error)
        if talk.trial is None:
            return messages
        begin = talk.unanswered
        lost = self._reception.is_lost(handle.who, error)
        again = (talk.trial, talk.attempt)
        if isinstance(begin, Begin) and again not in self._sent_again:
            # It died before it began this attempt, so the attempt is not to blame; but only once.
            self._sent_again.add(again)
            self._begin(self._spawn(slot), begin)
            return messages
        return [*messages, Died(talk.trial, talk.attempt, death(error, lost=lost), lost)]

    def _settled(self) -> list[Message]:
        """Give up what waits for a place that is gone: its trial can have another's."""
        messages: list[Message] = []
        for slot in sorted(self._handles, reverse=True):
            handle = self._handles[slot]
            if handle.is_ready or len(self._handles) <= self._capacity:
                continue
            begin = handle.first
            self._give_up(slot)
            if begin is None:
                continue
            warm = self._warm(slot)
            if warm is not None:
                self._begin(warm, begin)
            else:
                how = "the nodes that are left have no room for this slot"
                messages.append(Died(begin.trial, begin.attempt, how, lost=True))
        return messages

    def _tick(self, now_s: float) -> list[Message]:
        messages: list[Message] = []
        for slot, handle in list(self._handles.items()):
            if handle.line is None:
                continue
            messages += self._understood(slot, handle, handle.line.read_stream())
            talk, conduct = handle.talk, self._conduct
            if self._handles.get(slot) is not handle:
                continue
            silence_s = now_s - talk.heard_s
            if handle.broken_s is not None and now_s - handle.broken_s > BROKEN_S:
                what = "its connection ended, and Ray says nothing"
                messages += self._bury(slot, BrokenPipeError(what))
            elif talk.unanswered is not None and now_s - talk.since_s > conduct.unwind_grace_s:
                self._replace(slot)
            elif (
                conduct.silence_s_max is not None
                and talk.trial is not None
                and not talk.is_held
                and silence_s > conduct.silence_s_max
            ):
                self._give_up(slot)
                how = (
                    f"the trial reported nothing for {conduct.silence_s_max:g} s"
                    f" (FailureConfig.report_timeout_s), so its process was killed"
                )
                messages.append(Died(talk.trial, talk.attempt, how))
        return messages

    def close(self, grace_s: float) -> list[Message]:
        """Wait for functions that are being left, then give every place back."""
        if self._is_closed:
            return []
        self._is_closed = True
        deadline_s = time.monotonic() + grace_s
        messages: list[Message] = []
        while time.monotonic() < deadline_s and any(
            isinstance(it.talk.unanswered, End) for it in self._handles.values()
        ):
            self._next_tick_s = min(self._next_tick_s, time.monotonic() + TICK_S / 10)
            messages += self.wait(TICK_S)
        ray = library.ray()
        if ray.is_initialized() and grace_s:
            apart = [it for it in self._handles.values() if it.who and not it.who.shares_folder]
            leaving = [it.leave() for it in apart]
            with contextlib.suppress(ray.exceptions.RayError):
                ray.wait(leaving, num_returns=len(leaving), timeout=_LEAVE_S) if leaving else None
        for slot in list(self._handles):
            self._give_up(slot)
        self._carrier.close()
        self._reception.close()
        self._inbox.close()
        return messages
