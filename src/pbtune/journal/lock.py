"""One driver at a time: a lock on the run's folder that ends with its process."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, final

from pbtune.errors import RunLocked

LOCK_NAME: Final = "driver.lock"
_held: set[str] = set()
"""By this process: the system's locks don't tell two drivers of one process apart."""


@final
class RunLock:
    """A context manager around everything that writes to a run.

    Raises:
        RunLocked: On entering, if a driver is at work on the run; names its process.
    """

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / LOCK_NAME
        self._key = str(run_dir.resolve())
        self._fd = -1

    def __enter__(self) -> "RunLock":
        """Take the lock, and write down who holds it."""
        if self._key in _held:
            raise self._locked(os.getpid())
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _try_lock(fd):
            pid = None
            with suppress(OSError, ValueError):
                pid = int(os.read(fd, 32))
            os.close(fd)
            raise self._locked(pid)
        os.ftruncate(fd, 0)
        os.write(fd, str(os.getpid()).encode())
        self._fd = fd
        _held.add(self._key)
        return self

    def __exit__(self, *_exc: object) -> None:
        """Give it back; closing the file releases the system's lock."""
        _held.discard(self._key)
        os.ftruncate(self._fd, 0)
        os.close(self._fd)

    def _locked(self, pid: int | None) -> RunLocked:
        who = "another driver" if pid is None else f"the driver with process id {pid}"
        return RunLocked(
            f"{who} is working on the run {self._path.parent}: wait for its end, or choose another"
            f" name"
        )


def was_killed(run_dir: Path) -> bool:
    """Whether the last driver is still written down: it was killed, or it is at work."""
    path = run_dir / LOCK_NAME
    return path.exists() and path.stat().st_size > 0


def _try_lock(fd: int) -> bool:
    """Whether nobody else held it. POSIX locks are not inherited by forked children."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  only there

        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl  # noqa: PLC0415  not there

    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
