"""One driver at a time for a run at a URL: a lease that drivers on different machines agree on.

    <url>/driver-000003.json    {owner, host, count, …}    written again by its owner as it renews

Object stores have no locks, but can make a file only if there is none: so a driver takes a run by
making the next number, which one of several wins. The highest number is whose run it is. An owner
that sees a higher one has lost, and writes nothing more.
"""

import os
import platform
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.checkpoints.remote import Remote
from pbtune.errors import RunLocked

RENEWAL_S: Final = 15.0
"""How often an owner says that it is alive."""
EXPIRY_S: Final = 60.0
"""How long a lease may stay as it is before its owner counts as dead."""
SURELY_S: Final = 600.0
"""A lease so old, by the clocks of both machines, is over without a wait."""
_LOOK_S: Final = 2.0
_PREFIX: Final = "driver-"
_SUFFIX: Final = ".json"


class Lease(msgspec.Struct, frozen=True):
    """Who drives a run; ``machine`` is where its process number means something.

    ``count`` changes with each renewal; ``is_over`` after a clean end.
    """

    owner: str
    host: str
    pid: int
    machine: str
    count: int = 0
    renewed_at: float = 0.0
    is_over: bool = False


_decode = msgspec.json.Decoder(Lease).decode


@final
class RemoteLock:
    """A context manager around everything that writes to a run at a URL.

    Where a storage can't make a file only if there is none, two drivers that start in the same
    moment can both believe that they won; object stores of the large clouds, disks and memory can.

    Args:
        remote: The run's folder at its destination.
        tell: Told that an owner which may be dead is waited for.
        wait: Waits for so many seconds.

    Attributes:
        remote: As given.
        on_entry: Called when the run is this driver's.

    Raises:
        RunLocked: On entering, if another driver is at work; names its process and machine.
    """

    def __init__(
        self,
        remote: Remote,
        tell: Callable[[str], None] = lambda _text: None,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.remote = remote
        self.on_entry: Callable[[], object] = lambda: None
        self._tell = tell
        self._is_over = threading.Event()
        self._wait = wait
        self._writing = threading.Lock()
        self._number = 0
        self._lost_to: Lease | None = None
        self._lease = Lease(uuid.uuid4().hex, platform.node(), os.getpid(), _machine())
        self._thread = threading.Thread(target=self._keep, name="pbtune-lease", daemon=True)

    @property
    def is_lost(self) -> bool:
        """Whether another driver has taken the run, because this one seemed dead to it."""
        return self._lost_to is not None

    def confirm(self) -> None:
        """Look, and raise RunLocked if the run is another's now: before what would harm that one.

        Raises:
            OSError: If the storage can't be reached either.
        """
        self.renew()
        self.check()

    def check(self) -> None:
        """Raise RunLocked if the run was another's at the last look."""
        if self._lost_to is not None:
            raise self._locked(self._lost_to)

    def __enter__(self) -> "RemoteLock":
        """Take the run, when its last owner is surely gone."""
        while True:
            number, held = self._highest()
            if held is not None and not self._is_free(number, held):
                raise self._locked(held)
            own = msgspec.structs.replace(self._lease, renewed_at=time.time())
            if self.remote.create(_name(number + 1), msgspec.json.encode(own)):
                break
        self._number = number + 1
        for old in range(max(1, self._number - 2), self._number):
            self.remote.remove(_name(old))
        self._thread.start()
        try:
            self.on_entry()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        """Let go, so that the next driver needn't wait."""
        self._is_over.set()
        self._thread.join()
        if not self.is_lost:
            self._write(is_over=True)

    def _highest(self) -> tuple[int, Lease | None]:
        """The newest lease's number, 0 if there is none; and what it says, None if it is gone."""
        numbers = [
            int(name[len(_PREFIX) : -len(_SUFFIX)])
            for name in self.remote.names()
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX)
        ]
        if not numbers:
            return 0, None
        number = max(numbers)
        return number, self._read(number)

    def _read(self, number: int) -> Lease | None:
        body = self.remote.read(_name(number))
        try:
            return None if body is None else _decode(body)
        except msgspec.MsgspecError:
            # Being written this moment, where files aren't written at once.
            return Lease("", "another machine", 0, "")

    def _is_free(self, number: int, held: Lease) -> bool:
        """Whether an owner has gone. One of which nothing is known is watched for a while."""
        is_old = held.renewed_at > 0 and time.time() - held.renewed_at > SURELY_S
        if held.is_over or is_old:
            return True
        if held.machine == _machine() and _is_dead(held.pid):
            return True
        self._tell(
            f"a driver on {held.host} may be at work on {self.remote.url}: waiting up to"
            f" {EXPIRY_S:.0f} s for a sign of life"
        )
        waited_s = 0.0
        while waited_s < EXPIRY_S:
            self._wait(_LOOK_S)
            waited_s += _LOOK_S
            now = self._read(number)
            if now != held:
                return now is None or now.is_over
        return True

    def _keep(self) -> None:
        """Renew, and look whether somebody has taken over."""
        while not self._is_over.wait(RENEWAL_S):
            try:
                self.renew()
            except OSError:
                # The storage can't be reached: whoever takes over can't reach it either, or we see
                # it at the next look.
                continue
            if self.is_lost:
                return

    def renew(self) -> None:
        """Say that this driver is alive, unless the run is another's already."""
        number, held = self._highest()
        if number > self._number and held is not None:
            self._lost_to = held
            return
        self._write()

    def _write(self, *, is_over: bool = False) -> None:
        with self._writing:
            self._lease = msgspec.structs.replace(
                self._lease, count=self._lease.count + 1, renewed_at=time.time(), is_over=is_over
            )
            self.remote.write(_name(self._number), msgspec.json.encode(self._lease))

    def _locked(self, held: Lease) -> RunLocked:
        return RunLocked(
            f"the driver with process id {held.pid} on {held.host} is working on the run"
            f" {self.remote.url}: wait for its end, or choose another name"
        )


@final
class NoRemoteLock:
    """For a run on this machine's disk, where the system's own lock is enough."""

    is_lost: Final = False

    def check(self) -> None:
        """Nobody else can have it."""

    def __enter__(self) -> "NoRemoteLock":
        """Nothing to take."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Nothing to give back."""


def _name(number: int) -> str:
    return f"{_PREFIX}{number:06d}{_SUFFIX}"


def _is_dead(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _machine() -> str:
    """This machine since its last start, and the processes that are seen from here."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        # A system that doesn't tell: nothing is known of any process.
        return uuid.uuid4().hex
