"""The journal's copy at the run's URL: what another machine goes on from when this one is lost.

    loop ──Released──► waiting ──────────────────────┐
    thread, at an interval: copy ─► upload ─► delete what had been waiting before the copy

A checkpoint is deleted when a copy that no longer names it has arrived. So whichever copy is at the
URL, all that it needs is there too.
"""

import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, final

from pbtune.checkpoints.remote import Remote
from pbtune.checkpoints.store import AbstractCheckpointStore
from pbtune.driver.run_folder import DATABASE
from pbtune.driver.trash import AbstractTrash
from pbtune.errors import RunUnreadable
from pbtune.journal.backup import back_up

INTERVAL_S: Final = 30.0
BESIDE: Final = "tuner.pkl"
"""What else a resume needs; it is written once."""


@final
class Backup:
    """Copies a run's journal to its URL.

    Args:
        run_dir: The run's local folder.
        remote: Its folder at the destination.
        confirm: Called before each copy; raises OSError if the run is another driver's by now.
    """

    def __init__(
        self, run_dir: Path, remote: Remote, confirm: Callable[[], None] = lambda: None
    ) -> None:
        self._run_dir = run_dir
        self._remote = remote
        self._confirm = confirm
        self._is_beside = False

    def now(self) -> None:
        """Copy.

        Raises:
            OSError: If it can't be uploaded; the copy before it stays as it was.
        """
        with tempfile.TemporaryDirectory(prefix="pbtune-backup-") as folder:
            copy = Path(folder, DATABASE)
            back_up(self._run_dir / DATABASE, copy)
            self._confirm()
            self._remote.replace(copy, DATABASE)
        beside = self._run_dir / BESIDE
        if not self._is_beside and beside.is_file():
            self._remote.upload({str(beside): BESIDE})
            self._is_beside = True


@final
class BackedTrash(AbstractTrash):
    """Backs the journal up at an interval, and deletes what no copy names any more.

    Args:
        store: Where to delete.
        backup: What copies.
        tell: Told, once, that the destination can't be reached.
        interval_s: Between two copies.
    """

    def __init__(
        self,
        store: AbstractCheckpointStore,
        backup: Backup,
        tell: Callable[[str], None],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._store = store
        self._backup = backup
        self._tell = tell
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._is_over = threading.Event()
        self._is_told = False
        self._thread = threading.Thread(target=self._work, name="pbtune-backup", daemon=True)

    def start(self) -> None:
        """Begin to copy; the journal is there now."""
        self._thread.start()

    def add(self, checkpoints: Iterable[str], size_bytes: int) -> None:
        """See the base class."""
        del size_bytes
        with self._lock:
            self._waiting.extend(checkpoints)

    def _work(self) -> None:
        while True:
            try:
                self._once()
            except (OSError, RunUnreadable) as error:
                # Nothing is lost: what waits is deleted after the next copy that arrives.
                if not self._is_told:
                    self._is_told = True
                    self._tell(f"the journal's backup waits for its storage: {error}")
            if self._is_over.wait(self._interval_s):
                return

    def _once(self) -> None:
        with self._lock:
            doomed = list(self._waiting)
        self._backup.now()
        for checkpoint in doomed:
            self._store.delete(checkpoint)
        with self._lock:
            del self._waiting[: len(doomed)]

    def step(self) -> bool:
        """Nothing: the thread has its own pace."""
        return False

    def has_work(self) -> bool:
        """Never, for the loop."""
        return False

    def empty(self) -> None:
        """See the base class: a last copy, and then what it doesn't name."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._once()
