"""An executor without processes, whose messages may be late, twice, or from the dead."""

from collections.abc import Callable, Sequence
from typing import Final, final

import msgspec

from pbtune.core.plan import Command, Continue, Running, Start, Stop
from pbtune.executors.base import AbstractExecutor, Turn
from pbtune.executors.messages import Asked, Died, Errored, Finished, Message
from pbtune.testing.workers import Worker, World

GRACE_S: Final = 4.0
"""How long a function may take to be left, before its process is replaced."""
BATCH_S: Final = (0.0, 0.0, 0.2, 1.0)
"""How long a driver may be too busy to read: what arrives meanwhile is one batch."""
REMEMBERED_COUNT: Final = 30
NO_ATTEMPT: Final = 1000


@final
class SimulatedExecutor(AbstractExecutor):
    """Slots of simulated processes; it mirrors what ``ProcessExecutor`` does.

    Args:
        world: What the workers live in.
        slot_count: Processes at once, >= 1.
        on_look: Called whenever the driver comes by, with nothing uncommitted.
        deadline: Raises when the run should have ended long ago.
    """

    def __init__(
        self,
        world: World,
        slot_count: int,
        on_look: Callable[[], None],
        deadline: Callable[[], None],
    ) -> None:
        self._world = world
        self._on_look = on_look
        self._deadline = deadline
        self._slots: list[Worker | None] = [None] * slot_count
        self._arrived: list[Message] = []
        self._past: list[Message] = []
        self._sent_again: set[tuple[str, int]] = set()
        world.on_arrival = self._hear

    def open(self, turn: Turn) -> None:
        """Nothing to prepare."""
        del turn

    @property
    def slot_count(self) -> int:
        """See the base class."""
        return len(self._slots)

    def running(self) -> Sequence[Running]:
        """See the base class."""
        self._on_look()
        return [
            Running(slot) if worker is None else worker.view()
            for slot, worker in enumerate(self._slots)
        ]

    def do(self, command: Command) -> None:
        """See the base class."""
        self._world.faults.op("do")
        self._world.checks.told(command)
        worker = self._slots[command.slot]
        if isinstance(command, Continue):
            if worker is not None:
                worker.let_go_on(command.lease)
            return
        if worker is not None and worker.is_held and worker.trial is not None:
            self._world.checks.verdict(worker.trial, worker.attempt)
        if worker is None and isinstance(command, Start):
            worker = self._slots[command.slot] = Worker(self._world, command.slot)
        if worker is not None:
            worker.tell(command)
            self._world.later((GRACE_S, GRACE_S), self._late, worker, command)

    def _late(self, worker: Worker, order: Start | Stop) -> None:
        """A function that isn't left in time loses its process."""
        if worker.unanswered is order and worker.is_alive and self._slots[worker.slot] is worker:
            worker.is_alive = False
            self._respawn(worker, order)

    def _respawn(self, worker: Worker, order: Start | Stop | None) -> None:
        self._slots[worker.slot] = None
        if isinstance(order, Start):
            new = self._slots[worker.slot] = Worker(self._world, worker.slot)
            new.tell(order)

    def wait(self, timeout_s: float) -> list[Message]:
        """See the base class."""
        world = self._world
        world.faults.op("wait")
        self._on_look()
        self._deadline()
        until_s = world.clock.at_s + timeout_s
        is_busy = False
        while (at_s := world.next_s()) is not None and at_s <= until_s:
            world.step()
            if self._arrived and not is_busy:
                is_busy = True
                until_s = min(until_s, world.clock.at_s + world.faults.rng.choice(BATCH_S))
        if not self._arrived:
            world.clock.at_s = max(world.clock.at_s, until_s)
        if world.faults.happens(world.options.damage):
            world.store.damage()
        messages, self._arrived = self._arrived, []
        return self._with_lies(messages)

    def _hear(self, worker: Worker, message: Message) -> None:
        """A message of a worker's reaches the driver's process."""
        is_there = self._slots[worker.slot] is worker
        is_current = is_there and (worker.trial, worker.attempt) == (message.trial, message.attempt)
        if isinstance(message, Died):
            if is_there:
                self._bury(worker)
            return
        if is_current:
            self._world.checks.heard(message)
            if isinstance(message, Asked):
                worker.is_held = True
            elif isinstance(message, (Finished, Errored)):
                worker.trial, worker.attempt, worker.unanswered = None, 0, None
        self._arrived.append(message)

    def _bury(self, worker: Worker) -> None:
        trial, attempt, order = worker.trial, worker.attempt, worker.unanswered
        self._slots[worker.slot] = None
        if trial is None:
            return
        if isinstance(order, Start) and (trial, attempt) not in self._sent_again:
            self._sent_again.add((trial, attempt))
            self._respawn(worker, order)
        else:
            self._arrived.append(Died(trial, attempt, "killed"))

    def _with_lies(self, messages: list[Message]) -> list[Message]:
        """Some messages once more, or with another attempt: none of them may count."""
        faults = self._world.faults
        self._past = [*self._past, *messages][-REMEMBERED_COUNT:]
        if not self._past or not faults.happens(self._world.options.lie):
            return messages
        told = list(messages)
        for _ in range(faults.rng.randint(1, 3)):
            lie = faults.rng.choice(self._past)
            kind = faults.rng.randrange(6)
            if kind == 0:
                lie = msgspec.structs.replace(lie, attempt=lie.attempt + NO_ATTEMPT)
            elif kind == 1:
                lie = msgspec.structs.replace(lie, trial="t99")
            elif kind == 2 and lie.attempt > 1:  # noqa: PLR2004
                lie = msgspec.structs.replace(lie, attempt=lie.attempt - 1)
            # Only behind the truth: what it repeats must have come.
            told.append(lie)
        return told

    def close(self, grace_s: float) -> list[Message]:
        """See the base class."""
        del grace_s
        self._world.faults.op("close")
        messages, self._arrived = self._arrived, []
        for worker in filter(None, self._slots):
            worker.is_alive = False
            messages += [it for it in worker.sent if not isinstance(it, Died)]
            worker.sent.clear()
        self._slots = [None] * len(self._slots)
        return messages
