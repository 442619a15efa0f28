"""Slots on the nodes of a Ray cluster."""

import contextlib
import queue
import secrets
import threading
import time
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.core.plan import Command, Continue, Running, Start, Stop
from pbtune.executors.base import AbstractExecutor, Turn
from pbtune.executors.inline import begin_order
from pbtune.executors.processes.executor import Conduct
from pbtune.executors.ray import library
from pbtune.executors.ray.actor import Place
from pbtune.executors.ray.cluster import Node, Request, nodes, slot_count
from pbtune.executors.ray.handle import Handle
from pbtune.executors.ray.weights import Answer, Carrier, free_number, read_tree
from pbtune.version import __version__
from pbtune.worker.protocol import Begin, Died, End, Message, Proceed

NODES_S: Final = 1.0
"""How often the nodes are looked at."""
_CLOSE_S: Final = 0.05
_LEAVE_S: Final = 5.0


class Placing(msgspec.Struct, frozen=True):
    """Where a run's slots may be. ``slots_max`` None: as many as the nodes make.

    ``storage_is_shared``: every node reaches the checkpoints by itself, at a URL.
    """

    request: Request = Request()
    slots_max: int | None = None
    storage_is_shared: bool = False


@final
class RayExecutor(AbstractExecutor):
    """One actor a slot, made when the slot is first needed, and warm from then on.

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
        self._payload = library.ray().put(payload)
        self._place = Place(str(run_dir), f".shared-{secrets.token_hex(8)}")
        (run_dir / self._place.marker).touch(mode=0o600)
        self._inbox: queue.SimpleQueue[Answer | list[Node]] = queue.SimpleQueue()
        self._carrier = Carrier(run_dir, self._inbox.put)
        self._handles: dict[int, Handle] = {}
        self._worker_count = 0
        self._nodes = nodes()
        self._capacity = self._capacity_of(self._nodes)
        self._sent_again: set[tuple[str, int]] = set()
        self._is_closed = threading.Event()
        self._next_tick_s = 0.0
        self._watcher = threading.Thread(target=self._watch, name="pbtune-nodes", daemon=True)
        self._watcher.start()

    def open(self, turn: Turn) -> None:
        """Messages are fetched by ``wait``; nothing to prepare."""
        del turn

    def _capacity_of(self, found: list[Node]) -> int:
        count = slot_count(found, self._placing.request)
        limit = self._placing.slots_max
        return count if limit is None else min(count, limit)

    def _watch(self) -> None:
        """Look for nodes that came or went, on a thread of its own: it is a remote call."""
        known = self._nodes
        while not self._is_closed.wait(NODES_S):
            with contextlib.suppress(library.ray().exceptions.RayError, RuntimeError):
                found = nodes()
                if found != known:
                    known = found
                    self._inbox.put(found)

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
                    handle.send(Proceed(attempt, lease), {})
            case Stop(attempt=attempt):
                if handle is not None:
                    self._end(handle, attempt)
            case Start():
                self._start(handle, command)

    def _end(self, handle: Handle, attempt: int) -> None:
        if handle.first is None:
            handle.send(End(attempt), {})
        else:
            # It has no place yet, so nothing runs.
            handle.first, handle.talk.trial, handle.talk.unanswered = None, None, None

    def _start(self, handle: Handle | None, start: Start) -> None:
        if handle is not None and not self._conduct.reuse and handle.first is None:
            self._give_up(start.slot)
            handle = None
        if handle is None:
            handle = self._warm(start.slot) or self._spawn(start.slot)
        self._begin(handle, begin_order(start, self._conduct.pack))

    def _begin(self, handle: Handle, begin: Begin) -> None:
        """Send an order, with the weights that it needs where there is no shared folder."""
        if handle.hello is None:
            handle.first = begin
            handle.talk.told(begin, time.monotonic())
            return
        weights: dict[str, object] = {}
        if not handle.hello.shares_folder and not self._placing.storage_is_shared:
            number = free_number(self._run_dir, begin.trial, begin.checkpoint_number)
            begin = msgspec.structs.replace(begin, checkpoint_number=number)
            name = begin.checkpoint
            if name is not None:
                weights[name] = library.ray().put(read_tree(self._run_dir / name))
        handle.send(begin, weights)

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
        request = self._placing.request
        worker = self._worker_count
        handle = Handle(worker, self._payload, self._place, request, self._answered)
        self._handles[slot] = handle
        return handle

    def _answered(self, answer: Answer) -> None:
        """On a thread of Ray's: only passes it on."""
        is_said = answer.kind == "said" and answer.error is None
        if is_said and answer.value[1]:
            self._carrier.carry(answer)
        else:
            self._inbox.put(answer)

    def _give_up(self, slot: int) -> None:
        handle = self._handles.pop(slot)
        self._carrier.bar(handle.worker)
        handle.kill()

    def wait(self, timeout_s: float) -> list[Message]:
        """See the base class."""
        for handle in self._handles.values():
            handle.listen()
        now_s = time.monotonic()
        messages: list[Message] = []
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + NODES_S
            messages += self._tick(now_s)
        timeout_s = 0.0 if messages else min(timeout_s, NODES_S)
        with contextlib.suppress(queue.Empty):
            messages += self._taken(self._inbox.get(timeout=timeout_s))
            while True:
                messages += self._taken(self._inbox.get_nowait())
        return messages

    def _taken(self, news: Answer | list[Node]) -> list[Message]:
        if isinstance(news, list):
            self._nodes = news
            self._capacity = self._capacity_of(news)
            return self._settled()
        slot = next((it for it, its in self._handles.items() if its.worker == news.worker), None)
        if slot is None:
            return []
        handle = self._handles[slot]
        if news.error is not None:
            return self._bury(slot, handle, news.error)
        messages = handle.heard(news)
        if handle.talk.unfit is not None:
            self._replace(slot)
        elif news.kind == "hello":
            messages += self._greeted(slot, handle)
        return messages

    def _greeted(self, slot: int, handle: Handle) -> list[Message]:
        begin, handle.first = handle.first, None
        if handle.hello is not None and handle.hello.pbtune != __version__:
            self._give_up(slot)
            how = f"its node has pbtune {handle.hello.pbtune}, the driver {__version__}"
            return [] if begin is None else [Died(begin.trial, begin.attempt, how)]
        if begin is not None:
            self._begin(handle, begin)
        return []

    def _replace(self, slot: int) -> None:
        """Put a fresh actor in the place of one that can't go on with what it was ordered."""
        unanswered = self._handles[slot].talk.unanswered
        self._give_up(slot)
        if isinstance(unanswered, Begin):
            self._begin(self._spawn(slot), unanswered)

    def _bury(self, slot: int, handle: Handle, error: BaseException) -> list[Message]:
        self._give_up(slot)
        talk = handle.talk
        if talk.trial is None:
            return []
        begin = talk.unanswered
        lost = self._is_lost(handle, error)
        again = (talk.trial, talk.attempt)
        if isinstance(begin, Begin) and again not in self._sent_again and handle.is_ready:
            # It died before it began this attempt, so the attempt is not to blame; but only once.
            self._sent_again.add(again)
            self._begin(self._spawn(slot), begin)
            return []
        return [Died(talk.trial, talk.attempt, death(error, lost=lost), lost)]

    def _is_lost(self, handle: Handle, error: BaseException) -> bool:
        """Whether the node went, rather than the process on it: no fault of the trial's."""
        exceptions = library.ray().exceptions
        if isinstance(error, exceptions.ActorUnavailableError):
            return True
        if getattr(error, "preempted", False) or "node has died" in str(error):
            return True
        alive = {node.id for node in self._nodes}
        return handle.hello is not None and handle.hello.node not in alive

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
        messages = self._settled()
        for slot, handle in list(self._handles.items()):
            if not handle.is_ready:
                continue
            talk, conduct = handle.talk, self._conduct
            silence_s = now_s - talk.heard_s
            if talk.unanswered is not None and now_s - talk.since_s > conduct.unwind_grace_s:
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
        deadline_s = time.monotonic() + grace_s
        messages: list[Message] = []
        while time.monotonic() < deadline_s and any(
            isinstance(it.talk.unanswered, End) for it in self._handles.values()
        ):
            messages += self.wait(_CLOSE_S)
        self._is_closed.set()
        ray = library.ray()
        if ray.is_initialized() and grace_s:
            leaving = [it.leave() for it in self._handles.values() if it.is_ready]
            with contextlib.suppress(ray.exceptions.RayError):
                ray.wait(leaving, num_returns=len(leaving), timeout=_LEAVE_S) if leaving else None
        for slot in list(self._handles):
            self._give_up(slot)
        self._carrier.close()
        self._watcher.join()
        (self._run_dir / self._place.marker).unlink(missing_ok=True)
        return messages


def death(error: BaseException, *, lost: bool) -> str:
    """What Ray says about the end of an actor, in one line."""
    text = str(error).strip()
    reason = next(
        (line.strip() for line in text.splitlines() if "died" in line or "killed" in line), text
    )
    if lost:
        return f"its Ray node was lost ({type(error).__name__}): {reason}"
    return f"its Ray actor died ({type(error).__name__}): {reason}"
