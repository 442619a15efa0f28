"""One slot in this very process and thread: for debuggers, notebooks and benchmarks.

  driver.run ─► wait ─► the user's function ─► report ─► driver.turn ─► do(Continue │ Start │ Stop)

The driver's loop is re-entrant: a blocking report calls it from inside the function.
"""

import pickle
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from pbtune.checkpoints.remote_store import open_store
from pbtune.core.plan import Command, Continue, Running, Start, Stop
from pbtune.core.trial import Config
from pbtune.errors import EngineBug
from pbtune.executors.base import AbstractExecutor, Turn
from pbtune.worker.attempt import Runner, Trainable, numpy_random
from pbtune.worker.channel import AbstractChannel
from pbtune.worker.protocol import (
    Asked,
    AwaitsSpace,
    Begin,
    Begun,
    End,
    Errored,
    Finished,
    Message,
    Order,
    Proceed,
    Streamed,
    Unfit,
    WorkerSettings,
)


def begin_order(start: Start, pack: Callable[[Config], bytes] = pickle.dumps) -> Begin:
    """The order that carries out a start.

    Args:
        start: What should run.
        pack: Pickles its config.
    """
    return Begin(
        trial=start.trial,
        attempt=start.attempt,
        config=pack(start.config),
        lease=start.lease,
        seed=start.seed,
        step=start.step,
        time_total_s=start.time_total_s,
        checkpoint=start.checkpoint,
        checkpoint_number=start.checkpoint_number,
        is_copy=start.is_copy,
    )


@final
class InlineChannel(AbstractChannel):
    """A channel whose other end is a call away."""

    def __init__(self) -> None:
        self.turn: Turn | None = None
        self.pending: list[Message] = []
        self.order: Order | None = None
        self.is_held = False
        self.failure: BaseException | None = None

    def stream(self, message: Streamed | Begun | AwaitsSpace) -> None:
        """Kept until the next message that the driver has to react to."""
        if isinstance(message, Streamed):
            self.pending.append(message)

    def tell(self, message: Finished | Errored | Unfit) -> None:
        """Kept until the function has been left; there is no other process to be unfit for."""
        if not isinstance(message, Unfit):
            self.pending.append(message)

    def ask(self, message: Asked) -> Order:
        """Run the driver's loop body, which leaves the verdict here."""
        if self.turn is None:
            what = "a function reported to an executor that is not open"
            raise EngineBug(what)
        self.pending.append(message)
        messages, self.pending = self.pending, []
        self.is_held, self.order = True, None
        try:
            self.turn(messages)
        # The boundary of user code, from its other side: the error is ours and must not come out
        # of the user's ``report``. The function is left first, then ``wait`` raises.
        except BaseException as error:  # noqa: BLE001
            self.failure = error
            self.order = End(message.attempt)
        self.is_held = False
        if self.order is None:
            what = f"{message.trial} got no verdict for its report at step {message.step}"
            raise EngineBug(what)
        return self.order

    def poll(self) -> Begin | End | None:
        """Nobody can have written: the driver runs only inside ``ask``."""
        return None


@final
class InlineExecutor(AbstractExecutor):
    """Runs the function in the caller's thread, one member at a time.

    Args:
        settings: What all attempts have in common.
        trainable: The user's function.
        objects: What configs refer to and can't be stored, by path.
    """

    def __init__(
        self, settings: WorkerSettings, trainable: Trainable, objects: Mapping[str, object]
    ) -> None:
        self._channel = InlineChannel()
        store = open_store(Path(settings.run_dir), settings.durability, settings.storage_url)
        self._runner = Runner(settings, trainable, objects, self._channel, store)
        self._next: Begin | None = None
        self._now: tuple[str | None, int] = (None, 0)
        self._generators: tuple[Any, Any] | None = None

    def open(self, turn: Turn) -> None:
        """Attempts seed the global generators: keep the caller's, to be put back at the end."""
        self._channel.turn = turn
        generator = numpy_random()
        numpy_state = None if generator is None else generator.get_state()
        self._generators = (random.getstate(), numpy_state)

    @property
    def slot_count(self) -> int:
        """One."""
        return 1

    def running(self) -> Sequence[Running]:
        """The function that is being called, or nothing."""
        trial, attempt = self._now
        return [Running(0, trial, attempt, self._channel.is_held)]

    def do(self, command: Command) -> None:
        """Leave a verdict where ``report`` will find it, or an order where ``wait`` will."""
        match command:
            case Continue(attempt=attempt, lease=lease):
                self._channel.order = Proceed(attempt, lease)
                self._channel.is_held = False
            case Start():
                order = begin_order(command)
                self._now = (command.trial, command.attempt)
                if self._channel.is_held:
                    self._channel.order = order
                    self._channel.is_held = False
                else:
                    self._next = order
            case Stop(attempt=attempt):
                self._now = (None, 0)
                self._channel.order = End(attempt)
                self._channel.is_held = False

    def wait(self, timeout_s: float) -> list[Message]:
        """Run what was ordered until it ends; there is nothing else to wait for."""
        del timeout_s
        begin, self._next = self._next, None
        while begin is not None:
            following = self._runner.run(begin)
            begin = following if isinstance(following, Begin) else None
        failure, self._channel.failure = self._channel.failure, None
        if failure is not None:
            raise failure
        messages, self._channel.pending = self._channel.pending, []
        if messages:
            self._now = (None, 0)
        return messages

    def close(self, grace_s: float) -> list[Message]:
        """Put the global generators back."""
        del grace_s
        messages, self._channel.pending = self._channel.pending, []
        if self._generators is None:
            return messages
        random_state, numpy_state = self._generators
        self._generators = None
        random.setstate(random_state)
        if numpy_state is not None:
            sys.modules["numpy.random"].set_state(numpy_state)
        return messages
