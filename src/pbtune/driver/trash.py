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
"""Deletions are left for idle moments until this many wait."""


class AbstractTrash(ABC):
    """Deletes released checkpoints."""

    @abstractmethod
    def add(self, checkpoints: Iterable[str]) -> None:
        """Take these; their release is committed."""

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

    def add(self, checkpoints: Iterable[str]) -> None:
        """See the base class; too many are not left for later."""
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
    """Deletes on a thread, since a deletion can take longer than a turn (0.25 ms on ext4)."""

    def __init__(self, store: AbstractCheckpointStore) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None

    def add(self, checkpoints: Iterable[str]) -> None:
        """See the base class."""
        for checkpoint in checkpoints:
            self._queue.put(checkpoint)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pbtune-trash", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (checkpoint := self._queue.get()) is not None:
            try:
                self._store.delete(checkpoint)
            except OSError as error:  # noqa: PERF203  one that fails must not keep the others
                self._error = self._error or error

    def step(self) -> bool:
        """Nothing: the thread has its own pace."""
        return False

    def has_work(self) -> bool:
        """Never, for the loop."""
        return False

    def empty(self) -> None:
        """See the base class."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error
