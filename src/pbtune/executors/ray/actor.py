"""One Ray actor: the worker's code, with a mailbox in the place of a socket.

    driver ──converse(orders)──► mailbox ──orders──► attempts' thread: the user's function
           ◄── what was said ───         ◄──said────

A call of ``converse`` stays open until the worker says what the driver has to react to, or for as
long as a streamed report may wait. So a report that doesn't block costs no remote call of its own,
and one that does costs one: its verdict travels with the next ``converse``.
"""

import gc
import os
import shutil
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Final, NoReturn, cast, final

import msgspec

from pbtune.checkpoints.remote import FsspecStore, open_store
from pbtune.checkpoints.store import AbstractCheckpointStore, LocalStore
from pbtune.executors.ray import library
from pbtune.executors.ray.weights import Parcels
from pbtune.version import __version__
from pbtune.worker.attempt import Runner, error_message
from pbtune.worker.channel import AbstractChannel
from pbtune.worker.payload import unpacked
from pbtune.worker.process import STORAGE_THREADS, Job, Surroundings, begun
from pbtune.worker.protocol import (
    Asked,
    AwaitsSpace,
    Begin,
    Begun,
    End,
    Errored,
    Finished,
    Order,
    Streamed,
    Unfit,
    WorkerSettings,
    decode_order,
    framed,
    unframed,
)

TICK_S: Final = 0.1
"""How long a streamed report may wait to be fetched."""
OPEN_S: Final = 10.0
"""How long a conversation stays open when nothing is said."""
OUTBOX_COUNT_MAX: Final = 100_000
"""Streamed reports that may wait for a driver that is far behind."""
_BEHIND_S: Final = 0.01


class Hello(msgspec.Struct, frozen=True):
    """What an actor says first: where it is, and what it runs. Ray itself compares Pythons."""

    node: str
    pid: int
    pbtune: str
    shares_folder: bool


class Place(msgspec.Struct, frozen=True):
    """Where an actor finds the run. ``marker`` is a file of the run's that only this run wrote."""

    run_dir: str
    marker: str


@final
class Mailbox(AbstractChannel):
    """What the worker has said and not been asked for yet, and what it was ordered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._said: deque[bytes] = deque()
        self._orders: deque[Order] = deque()
        self._is_urgent = False
        self._put_count = 0

    def stream(self, message: Streamed | Begun | AwaitsSpace) -> None:
        """Keep it for the next fetch."""
        self._said.append(framed(message))
        while len(self._said) > OUTBOX_COUNT_MAX:
            time.sleep(_BEHIND_S)

    def tell(self, message: Finished | Errored | Unfit | Begun) -> None:
        """Let the open conversation end."""
        with self._changed:
            self._said.append(framed(message))
            self._is_urgent = True
            self._changed.notify_all()

    def ask(self, message: Asked) -> Order:
        """Let the open conversation end; the next one brings the verdict."""
        with self._changed:
            self._said.append(framed(message))
            self._is_urgent = True
            self._changed.notify_all()
        return self.next_order()

    def poll(self) -> Begin | End | None:
        """See the base class."""
        if not self._orders:
            return None
        order = self.next_order()
        # A verdict can't come unasked, so this one is of a report that was interrupted.
        return None if not isinstance(order, (Begin, End)) else order

    def next_order(self) -> Order:
        """Wait for the next order. Ray ends this process when the driver is gone."""
        with self._changed:
            while not self._orders:
                self._changed.wait()
            return self._orders.popleft()

    def put(self, number: int, orders: list[Order]) -> None:
        """Orders from the driver, in the order in which it gave them."""
        with self._changed:
            self._changed.wait_for(lambda: self._put_count == number)
            self._put_count += 1
            self._orders.extend(orders)
            self._changed.notify_all()

    def fetch(self) -> bytes:
        """What was said: at once if the driver has to react, else after a tick."""
        deadline_s = time.monotonic() + OPEN_S
        with self._changed:
            while not self._is_urgent:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(min(left_s, TICK_S))
                if self._said:
                    break
            self._is_urgent = False
            # ``stream`` takes no lock: only what is there now is taken.
            return b"".join([self._said.popleft() for _ in range(len(self._said))])


@final
class SlotActor:
    """What Ray runs in each slot. Its methods are called by the driver, on threads of Ray's.

    Args:
        payload: A ``Job``, packed.
        place: Where the run is.
    """

    def __init__(self, payload: bytes, place: Place) -> None:
        self._mailbox = Mailbox()
        self._place = place
        self._shares_folder = Path(place.run_dir, place.marker).is_file()
        self._own_dir: Path | None = None
        self._parcels = Parcels()
        self._thread = threading.Thread(
            target=self._work, args=(payload,), name="pbtune-attempts", daemon=True
        )
        self._thread.start()

    def hello(self) -> bytes:
        """Where this is."""
        return msgspec.json.encode(
            Hello(
                node=library.ray().get_runtime_context().get_node_id(),
                pid=os.getpid(),
                pbtune=__version__,
                shares_folder=self._shares_folder,
            )
        )

    def converse(
        self, number: int, orders: bytes, weights: dict[str, Any]
    ) -> tuple[bytes, dict[str, Any]]:
        """Take orders, and wait for what there is to say.

        Args:
            number: How many calls with orders came before: Ray runs calls side by side.
            orders: Frames.
            weights: References to checkpoints that the orders need, by name.

        Returns:
            Frames, and references to the checkpoints that they name and the driver lacks.
        """
        self.deliver(number, orders, weights)
        said = self._mailbox.fetch()
        return said, self._parcels.taken()

    def deliver(self, number: int, orders: bytes, weights: dict[str, Any]) -> None:
        """Take orders while a conversation is open."""
        if not orders:
            return
        for name, reference in weights.items():
            self._parcels.bring(name, reference)
        decoded = [decode_order(body) for body in unframed(bytearray(orders))]
        self._mailbox.put(number, decoded)

    def leave(self) -> None:
        """Delete what this actor keeps on its node."""
        if self._own_dir is not None:
            shutil.rmtree(self._own_dir, ignore_errors=True)

    def _work(self, payload: bytes) -> NoReturn:
        mailbox = self._mailbox
        surroundings = Surroundings(is_alone=False)
        try:
            # A bytearray, so that the arrays in it can be written to.
            job = cast("Job", unpacked(bytearray(payload)))
        # The process boundary of user code: importing its modules may raise anything.
        except BaseException as error:  # noqa: BLE001
            while True:
                order = mailbox.next_order()
                if isinstance(order, Begin):
                    mailbox.tell(error_message(order, error))
        settings, store = self._settled(job.settings)
        if settings.storage_url:
            surroundings.ignored += STORAGE_THREADS
        runner = Runner(settings, job.trainable, job.objects, mailbox, store)
        gc.collect()
        gc.freeze()
        self._serve(runner, surroundings, settings, store)

    def _settled(self, settings: WorkerSettings) -> tuple[WorkerSettings, AbstractCheckpointStore]:
        """The settings and the store as they are on this node."""
        if self._shares_folder:
            run_dir, url = Path(settings.run_dir), settings.storage_url
            return settings, open_store(run_dir, settings.durability, url)
        self._own_dir = Path(tempfile.mkdtemp(prefix=f"pbtune-{settings.run_name}-"))
        settings = msgspec.structs.replace(settings, run_dir=str(self._own_dir))
        if settings.storage_url:
            return settings, open_store(self._own_dir, settings.durability, settings.storage_url)
        return settings, self._parcels.store(LocalStore(self._own_dir))

    def _serve(
        self,
        runner: Runner,
        surroundings: Surroundings,
        settings: WorkerSettings,
        store: AbstractCheckpointStore,
    ) -> NoReturn:
        mailbox = self._mailbox
        following: Begin | End | None = None
        while True:
            order = mailbox.next_order() if following is None else following
            following = None
            if not isinstance(order, Begin):
                # Told at once: whoever ends a run waits for it.
                mailbox.tell(Begun(0))
                continue
            mailbox.stream(Begun(order.attempt))
            self._parcels.unpack(order.checkpoint)
            if self._own_dir is not None and isinstance(store, FsspecStore):
                store.keep_only(order.checkpoint)
            following = begun(order, runner, surroundings, settings) or runner.run(order)
            gc.collect()
            if runner.holds_object:
                surroundings.flush()
                continue
            reason = surroundings.restore()
            if reason is not None:
                mailbox.tell(Unfit(order.attempt, reason))
                while True:
                    mailbox.next_order()
