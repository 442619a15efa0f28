"""One driver at a time: a lock on the run's folder that ends with its process."""

import errno
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.errors import RunLocked, StorageUnwritable
from pbtune.journal.alive import is_alive

LOCK_NAME: Final = "driver.lock"
_HOLDER_BYTES_MAX: Final = 512
_TAKEN: Final = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
"""What the systems call a lock that somebody has; Windows says EACCES or EDEADLK."""
_LOCKED_AT: Final = 1 << 30
"""The byte that is locked on Windows, where nobody else can read what is locked."""
_held: set[str] = set()
"""By this process: the system's locks don't tell two drivers of one process apart."""


@final
class RunLock:
    """A context manager around everything that writes to a run.

    Raises:
        RunLocked: On entering, if a driver is at work on the run; names its process and machine.
        StorageUnwritable: On entering, if the folder can't be written, or has no locks.
    """

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / LOCK_NAME
        self._key = str(run_dir.resolve())
        self._fd = -1

    def __enter__(self) -> "RunLock":
        """Take the lock, and write down who holds it."""
        if self._key in _held:
            raise self._locked(str(os.getpid()), platform.node())
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            _lock(fd)
        except OSError as error:
            pid, _, host = _holder(fd).partition(" ")
            os.close(fd)
            if error.errno in _TAKEN:
                raise self._locked(pid, host) from None
            raise self._unusable(error) from error
        try:
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()} {platform.node()}".encode())
        except OSError as error:
            os.close(fd)
            raise self._unusable(error) from error
        self._fd = fd
        _held.add(self._key)
        return self

    def __exit__(self, *_exc: object) -> None:
        """Give it back; closing the file releases the system's lock."""
        _held.discard(self._key)
        os.ftruncate(self._fd, 0)
        os.close(self._fd)

    def _locked(self, pid: str, host: str) -> RunLocked:
        who = f"the driver with process id {pid}" if pid else "another driver"
        where = f" on {host}" if host else ""
        return RunLocked(
            f"{who}{where} is working on the run {self._path.parent}: wait for its end, or choose"
            f" another name"
        )

    def _unusable(self, error: OSError) -> StorageUnwritable:
        return StorageUnwritable(
            f"{self._path} can't be locked: {error.strerror or error}. Without the lock two drivers"
            f" could write one run: choose a folder where files can be written and locked, as"
            f" RunConfig(storage_path=...) or PBTUNE_STORAGE."
        )


class Holder(msgspec.Struct, frozen=True):
    """Who is written down as a run's driver: at work, or killed while it was."""

    pid: int
    host: str

    @property
    def is_here(self) -> bool:
        """Whether this machine is the one that it ran on."""
        return self.host in {"", platform.node()}

    @property
    def is_killed(self) -> bool:
        """Whether it ran on this machine, and runs no more; of another machine nothing is known."""
        if not self.is_here:
            return False
        return not is_alive(self.pid)


def holder(run_dir: Path) -> Holder | None:
    """Who drives a run, as far as its folder knows; None after a clean end."""
    if str(run_dir.resolve()) in _held:
        # Whoever opens the file here, and closes it, gives up this process's own lock.
        return Holder(os.getpid(), platform.node())
    try:
        pid, _, host = (run_dir / LOCK_NAME).read_text(encoding="utf-8").partition(" ")
        return Holder(int(pid), host)
    except (OSError, ValueError):
        return None


def was_killed(run_dir: Path) -> bool:
    """Whether the last driver is still written down: it was killed, or it is at work."""
    path = run_dir / LOCK_NAME
    return path.exists() and path.stat().st_size > 0


def _holder(fd: int) -> str:
    """Who is written down: "<pid> <host>"; empty if nobody is yet."""
    with suppress(OSError, UnicodeDecodeError):
        return os.read(fd, _HOLDER_BYTES_MAX).decode()
    return ""


def _lock(fd: int) -> None:
    """Take the lock, or raise. POSIX locks are not inherited by forked children.

    ``flock`` would be: a worker that outlives its driver for a moment would then keep a run that
    nobody drives.
    """
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  only there

        os.lseek(fd, _LOCKED_AT, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(fd, 0, os.SEEK_SET)
        return
    import fcntl  # noqa: PLC0415  not there

    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
