"""Checkpoints that nobody needs any more, on their way out: by the loop when idle, or by a thread.

What is dropped here is named by a committed ``Released`` before; if the process dies first, the
next driver's sweep finds it.
"""

import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import Final, final

from pbtune.checkpoints.store import AbstractCheckpointStore

TRASH_COUNT_MAX: Final = 64
"""The loop leaves deletions for idle moments until this many wait."""
WAITING_COUNT_MAX: Final = 512
WAITING_BYTES_MAX: Final = 1 << 26
"""The thread does, until this many wait or they take more room than this."""


class AbstractTrash(ABC):
    """Deletes released checkpoints."""

    @abstractmethod
    def add(self, checkpoints: Iterable[str], size_bytes: int) -> None:
        """Take these; their release is committed.

        Args:
            checkpoints: Their ids.
            size_bytes: Of all their files together.
        """

    @abstractmethod
    def step(self) -> bool:
        """Use an idle moment.

        Returns:
            Whether there was anything to do.
        """

    @abstractmethod
    def has_work(self) -> bool:
        """Whether ``step`` has anything to do."""

    @abstractmethod
    def empty(self) -> None:
        """Delete all that is left.

        Raises:
            OSError: If something couldn't be deleted.
        """


@final
class LoopTrash(AbstractTrash):
    """Deletes in the loop's own thread, when it is idle: deterministic."""

    def __init__(self, store: AbstractCheckpointStore) -> None:
        self._store = store
        self._waiting: deque[str] = deque()

    def add(self, checkpoints: Iterable[str], size_bytes: int) -> None:
        """See the base class; too many are not left for later."""
        del size_bytes
        self._waiting.extend(checkpoints)
        while len(self._waiting) > TRASH_COUNT_MAX:
            self.step()

    def step(self) -> bool:
        """See the base class."""
        if not self._waiting:
            return False
        self._store.delete(self._waiting.popleft())
        return True

    def has_work(self) -> bool:
        """See the base class."""
        return bool(self._waiting)

    def empty(self) -> None:
        """See the base class."""
        while self.step():
            pass


@final
class ThreadTrash(AbstractTrash):
    """Deletes on a thread, a batch at a time: when the loop is idle, or when much is waiting.

    A deletion takes 0.06 to 0.25 ms on ext4, longer than a turn, and for a while after it the file
    system makes new folders more slowly, which is what every checkpoint begins with.
    """

    def __init__(self, store: AbstractCheckpointStore) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None
        self._waiting: list[str] = []
        self._waiting_bytes = 0

    def add(self, checkpoints: Iterable[str], size_bytes: int) -> None:
        """See the base class."""
        self._waiting += checkpoints
        self._waiting_bytes += size_bytes
        if self._waiting_bytes > WAITING_BYTES_MAX or len(self._waiting) > WAITING_COUNT_MAX:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pbtune-trash", daemon=True)
            self._thread.start()
        self._queue.put(self._waiting)
        self._waiting, self._waiting_bytes = [], 0

    def _work(self) -> None:
        while (batch := self._queue.get()) is not None:
            for checkpoint in batch:
                try:
                    self._store.delete(checkpoint)
                except OSError as error:  # noqa: PERF203  one that fails must not keep the others
                    self._error = self._error or error

    def step(self) -> bool:
        """See the base class; the thread does it."""
        if not self._waiting:
            return False
        self._hand_over()
        return True

    def has_work(self) -> bool:
        """Never so much that the loop should not wait for messages first."""
        return False

    def empty(self) -> None:
        """See the base class."""
        self.step()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error
