"""No space left: what a worker writes is written again when there is some; nobody is to blame."""

import contextlib
import errno
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn, TypeVar, final

from pbtune.worker.channel import AbstractChannel
from pbtune.worker.protocol import AwaitsSpace, Begin, End

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
RETRY_S: Final = 1.0
AT_LATEST_S: Final = 10.0
"""What is free may not grow and yet be enough, where others have come and gone meanwhile."""
PROBE_BYTES: Final = 1 << 16
GROWTH_BYTES: Final = 1 << 20
SPARED_COUNT_MAX: Final = 2
"""So often in a row a trial is spared whose function finds a disk full that isn't ours."""
T = TypeVar("T")


def says_full(error: BaseException | None) -> OSError | None:
    """The error of a full disk or quota that led to this one, if one did."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno in FULL:
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


@final
class Space:
    """Waits for space in a run's folder, and says so: to the driver, and once in the trial's log.

    Args:
        folder: Of the run.
        channel: The way to the driver.
    """

    def __init__(self, folder: Path, channel: AbstractChannel) -> None:
        self._folder = folder
        self._channel = channel
        self._spared: dict[str, int] = {}
        self.has_filled_up = False

    def retried(
        self, begin: Begin, action: Callable[[], T], superseded: Callable[[Begin | End], NoReturn]
    ) -> T:
        """What an action gives, that is tried again while there is no space for it.

        Args:
            begin: The attempt that it is done for.
            action: Leaves nothing behind when it fails.
            superseded: Called with an order that came meanwhile.
        """
        is_told = False
        while True:
            try:
                return action()
            except OSError as error:
                if error.errno not in FULL:
                    raise
            self._tell(begin, is_told=is_told)
            is_told = True
            time.sleep(RETRY_S)
            order = self._channel.poll()
            if order is not None:
                superseded(order)

    def is_to_blame(self, begin: Begin, error: BaseException) -> bool:
        """Whether an attempt has failed for want of space, and not by a fault of its own."""
        full = says_full(error)
        if full is None:
            self._spared.pop(begin.trial, None)
            return False
        name = full.filename
        is_ours = isinstance(name, str) and Path(name).is_relative_to(self._folder)
        if self.has_filled_up or is_ours or not self._has_some():
            return True
        spared = self._spared.get(begin.trial, 0)
        self._spared[begin.trial] = spared + 1
        return spared < SPARED_COUNT_MAX

    def awaited(self, begin: Begin) -> Begin | End | None:
        """Wait until there is more space than now.

        Returns:
            An order that came meanwhile.
        """
        free = shutil.disk_usage(self._folder).free
        until_s, is_told = time.monotonic() + AT_LATEST_S, False
        must_grow, self.has_filled_up = self.has_filled_up, False
        while True:
            self._tell(begin, is_told=is_told)
            is_told = True
            time.sleep(RETRY_S)
            order = self._channel.poll()
            if order is not None:
                return order
            has_grown = shutil.disk_usage(self._folder).free >= free + GROWTH_BYTES
            is_late = time.monotonic() > until_s
            if (has_grown or is_late or not must_grow) and self._has_some():
                return None

    def _has_some(self) -> bool:
        """Whether a little can be written."""
        probe = self._folder / f".tmp-probe-{os.getpid()}"
        try:
            with probe.open("wb") as file:
                file.write(bytes(PROBE_BYTES))
        except OSError as error:
            # Another error is no want of space, and is met where the writing itself is done.
            return error.errno not in FULL
        finally:
            probe.unlink(missing_ok=True)
        return True

    def _tell(self, begin: Begin, *, is_told: bool) -> None:
        self._channel.stream(AwaitsSpace(begin.trial, begin.attempt))
        if not is_told:
            # The log may be on the disk that is full.
            with contextlib.suppress(OSError):
                text = f"the disk is full: {begin.trial} waits for space"
                print(text, file=sys.stderr, flush=True)  # noqa: T201  into the trial's log
