"""Uploads beside the training: a report is told when its checkpoint is whole at its destination.

report ─► commit in the cache ─► waiting ─► upload ─► the driver is told     a thread, in order
a report that blocks: waits for those before it and for its own upload, then for its verdict
"""

import sys
import threading
import traceback
from collections import deque
from typing import Final, final

from pbtune.checkpoints.remote_store import FsspecStore
from pbtune.checkpoints.store import AbstractCheckpointStore
from pbtune.worker.channel import AbstractChannel, PipeChannel
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
)

THREAD: Final = "pbtune-uploads"
PENDING_MAX: Final = 2
"""Checkpoints that may wait for their upload; the next one waits for one of them."""


@final
class UploadingChannel(AbstractChannel):
    """A channel on which what names a checkpoint waits for it, and all that comes after waits too.

    An upload that fails for good is raised by the next call that the user's function makes.

    Args:
        inner: The way to the driver.
        store: Where checkpoints are committed; told to leave the uploads to this.

    Attributes:
        store: As given.
    """

    def __init__(self, inner: PipeChannel, store: FsspecStore) -> None:
        store.defer()
        self._inner = inner
        self.store = store
        self._changed = threading.Condition()
        self._waiting: deque[Streamed | Begun | AwaitsSpace] = deque()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def stream(self, message: Streamed | Begun | AwaitsSpace) -> None:
        """See the base class. Waits while too many checkpoints wait for their upload."""
        is_late = _names(message)
        with self._changed:
            if isinstance(message, Begun):
                # Of the attempt before; nothing of what was lost has been counted.
                self._error = None
                self.store.forget_numbers()
            self._raise()
            if is_late:
                self._changed.wait_for(lambda: sum(map(_names, self._waiting)) < PENDING_MAX)
                self._raise()
            if not self._waiting and not is_late:
                self._inner.stream(message)
                return
            self._waiting.append(message)
            self._changed.notify_all()
        self._start()

    def tell(self, message: Finished | Errored | Unfit) -> None:
        """See the base class; behind all that was streamed before."""
        error = self._drained()
        if error is not None and isinstance(message, Finished):
            text = "".join(traceback.format_exception(error))
            name = type(error).__qualname__
            message = Errored(message.trial, message.attempt, name, str(error), text)
        self._inner.tell(message)

    def ask(self, message: Asked) -> Order:
        """See the base class; behind all that was streamed before, and its own upload."""
        error = self._drained()
        if error is not None:
            raise error
        if message.checkpoint is not None:
            self.store.upload(message.checkpoint)
        return self._inner.ask(message)

    def settle(self) -> None:
        """Wait until nothing waits, whatever became of it: before the cache is emptied."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)

    def poll(self) -> Begin | End | None:
        """See the base class."""
        return self._inner.poll()

    def next_order(self) -> Order:
        """See ``PipeChannel``."""
        return self._inner.next_order()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _drained(self) -> BaseException | None:
        """Wait until nothing waits; what went wrong, once."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)
            error, self._error = self._error, None
        return error

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                message = self._waiting[0]
            checkpoint = message.checkpoint if isinstance(message, Streamed) else None
            try:
                if checkpoint is not None:
                    self.store.upload(checkpoint)
            # The boundary of the storage's library: raised where the user's function reports.
            except Exception as error:  # noqa: BLE001
                print(f"{error}", file=sys.stderr, flush=True)  # noqa: T201  the trial's log
                with self._changed:
                    kept = [it for it in self._waiting if isinstance(it, Begun)]
                    # Behind a beginning the attempt that lost something is over.
                    self._error = None if kept else error
                    self._waiting = deque(kept)
                    self._changed.notify_all()
                continue
            with self._changed:
                self._inner.stream(message)
                self._waiting.popleft()
                self._changed.notify_all()


def _names(message: Streamed | Begun | AwaitsSpace) -> bool:
    return isinstance(message, Streamed) and message.checkpoint is not None


def uploading(
    channel: PipeChannel, store: AbstractCheckpointStore
) -> PipeChannel | UploadingChannel:
    """The channel for a store: the same, unless checkpoints go to a URL."""
    return UploadingChannel(channel, store) if isinstance(store, FsspecStore) else channel
