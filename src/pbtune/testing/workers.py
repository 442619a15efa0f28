"""Processes that are none: members train in virtual time, and die, hang and lag behind.

driver ──order──► latency ──► worker: noticed at its next report, or at once if it waits
driver ◄──message──── latency ◄── worker, in the order in which it sent them
"""

import heapq
from collections.abc import Callable
from typing import Final, final

from pbtune.core.lease import Lease
from pbtune.core.plan import Running, Start, Stop
from pbtune.errors import CheckpointMissing
from pbtune.executors.messages import Asked, Died, Errored, Finished, Message, Streamed
from pbtune.testing.checks import Checks
from pbtune.testing.faults import Faults
from pbtune.testing.options import Options
from pbtune.testing.store import FakeStore
from pbtune.testing.training import Made, Training

STEP_S: Final = (0.05, 1.0)
LATENCY_S: Final = (0.0001, 0.05)
STREAM_LATENCY_S: Final = (0.0, 0.1)
HANG_S: Final = 5.0
"""A worker that says nothing for so long is killed."""
PLACES: Final = ("before it saves", "while it saves", "before it reports", "after its report")


@final
class World:
    """What all workers of one driver share, and what will happen to them.

    ``on_arrival`` gets each message when it reaches the driver's process.
    """

    def __init__(self, options: Options, faults: Faults, store: FakeStore, checks: Checks) -> None:
        self.options = options
        self.faults = faults
        self.clock = faults.clock
        self.store = store
        self.checks = checks
        self.on_arrival: Callable[[Worker, Message], None]
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0

    def later(
        self, bounds_s: tuple[float, float], action: Callable[..., None], *args: object
    ) -> None:
        """Plan something. What is planned for the same moment happens in the order of planning."""
        self._count += 1
        at_s = self.clock.at_s + self.faults.rng.uniform(*bounds_s)
        heapq.heappush(self._events, (at_s, self._count, action, args))

    def next_s(self) -> float | None:
        """When the next thing happens."""
        return self._events[0][0] if self._events else None

    def step(self) -> None:
        """Let it happen."""
        at_s, _, action, args = heapq.heappop(self._events)
        self.clock.at_s = max(self.clock.at_s, at_s)
        action(*args)


@final
class Worker:
    """One process, and the driver's end of it.

    ``trial``, ``attempt``, ``is_held`` and ``unanswered`` are what the driver's end knows, as in
    ``Handle``; the rest is true on the other side. ``sent`` has not arrived yet.
    """

    def __init__(self, world: World, slot: int) -> None:
        self.slot = slot
        self.trial: str | None = None
        self.attempt = 0
        self.is_held = False
        self.unanswered: Start | Stop | None = None
        self.is_alive = True
        self.sent: list[Message] = []
        self._world = world
        self._training: Training | None = None
        self._is_asking = False
        self._order: Start | Stop | None = None
        self._inbox: list[tuple[Callable[..., None], tuple[object, ...]]] = []

    def view(self) -> Running:
        """What the plan is compared with."""
        return Running(self.slot, self.trial, self.attempt, self.is_held)

    def tell(self, order: Start | Stop) -> None:
        """The driver gives an order, which a dead process never reads."""
        self.is_held = False
        is_start = isinstance(order, Start)
        self.trial, self.attempt = (order.trial, order.attempt) if is_start else (None, 0)
        self.unanswered = order
        self._send(self._notice, order)

    def let_go_on(self, lease: Lease) -> None:
        """The driver lets a report return."""
        self.is_held = False
        self._send(self._go_on, self._training, lease)

    def _send(self, action: Callable[..., None], *args: object) -> None:
        """Orders arrive in the order in which they were given."""
        self._inbox.append((action, args))
        self._world.later(LATENCY_S, self._read)

    def _read(self) -> None:
        action, args = self._inbox.pop(0)
        action(*args)

    def _go_on(self, training: Training, lease: Lease) -> None:
        if self.is_alive and self._is_asking and self._training is training:
            self._is_asking = False
            training.go_on(lease, self._world.clock.at_s)
            self._train_or_end(training)

    def _notice(self, order: Start | Stop) -> None:
        if self._training is None or self._is_asking:
            self._take(order)
        else:
            self._order = order

    def _take(self, order: Start | Stop) -> None:
        """Leave what was being done."""
        if not self.is_alive:
            return
        self._training, self._is_asking, self._order = None, False, None
        if self.unanswered is order:
            self.unanswered = None
        if isinstance(order, Stop):
            return
        world = self._world
        try:
            content = None if order.checkpoint is None else world.store.read(order.checkpoint)
            training = Training(world.options, order, content, world.clock.at_s)
        except (CheckpointMissing, ValueError) as error:
            world.checks.cannot_load(order)
            self.say(Errored(order.trial, order.attempt, type(error).__name__, str(error), ""))
            return
        world.checks.loaded(order, training.loaded_step)
        self._training = training
        self._train_or_end(training)

    def _train_or_end(self, training: Training) -> None:
        if training.is_over:
            self._end()
        else:
            self._world.later(STEP_S, self._step, training)

    def _step(self, training: Training) -> None:
        """The function comes to its next report, if nothing happens before."""
        world, faults = self._world, self._world.faults
        if not self.is_alive or self._training is not training:
            return
        if faults.happens(world.options.hang):
            world.later((HANG_S, HANG_S), self._die, training)
            return
        dies = PLACES[faults.rng.randrange(4)] if faults.happens(world.options.death) else ""
        if training.is_poisoned and not dies:
            start = training.start
            self.say(Errored(start.trial, start.attempt, "ValueError", "poisoned", ""))
            self._rest()
            return
        made = None if dies == PLACES[0] else training.report(world.clock.at_s)
        message = None if made is None else self._message(training, made, dies)
        if message is not None:
            self.say(message)
        if dies:
            self._die(training)
        elif made is not None:
            self._after(training, made)

    def _message(self, training: Training, made: Made, dies: str) -> Message | None:
        """The report, with its checkpoint committed; None if the process dies on the way."""
        start, store = training.start, self._world.store
        committed = None
        if made.saves:
            staged = store.stage(start.trial)
            store.write(staged, "half")
            if dies == PLACES[1]:
                return None
            store.write(staged, training.content)
            committed = store.commit_staged(start.trial, staged, training.number)
            training.number = committed.number + 1
        if dies in PLACES[1:3]:
            return None
        common = (start.trial, start.attempt, made.step, made.time_total_s, 0.0, made.metrics)
        if made.blocks:
            return Asked(*common, made.observed, committed)
        return Streamed(*common, None if committed is None else made.observed, committed)

    def _after(self, training: Training, made: Made) -> None:
        if made.blocks:
            self._is_asking = True
            training.asked(made)
        if self._order is not None:
            self._take(self._order)
        elif not made.blocks:
            self._train_or_end(training)

    def _end(self) -> None:
        """The function returns."""
        if self._training is not None:
            start = self._training.start
            self.say(Finished(start.trial, start.attempt))
        self._rest()

    def _rest(self) -> None:
        self._training = None
        if self._order is not None:
            self._take(self._order)

    def _die(self, training: Training) -> None:
        """The process is gone; this is learned later, behind all that it has sent."""
        if self.is_alive and self._training is training:
            self.is_alive = False
            self.say(Died(training.start.trial, training.start.attempt, "killed"))

    def say(self, message: Message) -> None:
        """Send a message; it pulls along what lags behind."""
        self.sent.append(message)
        latency_s = STREAM_LATENCY_S if isinstance(message, Streamed) else LATENCY_S
        self._world.later(latency_s, self._arrives, message)

    def _arrives(self, message: Message) -> None:
        while any(it is message for it in self.sent):
            self._world.on_arrival(self, self.sent.pop(0))
