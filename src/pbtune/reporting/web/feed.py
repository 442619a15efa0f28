"""One run's changes, told to all that listen: looked up once, however many they are."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Final, final

from pbtune.errors import PbtuneError
from pbtune.reporting.web.watched import FRESH_S

HEARTBEAT_S: Final = 10.0
PACE_MAX_S: Final = 0.5
SHARE: Final = 0.2
"""The part of its time that following one run may take, as far as ``PACE_MAX_S`` allows."""

Look = Callable[[int], tuple[int, bytes]]
"""The version of a run, and what has changed since a version: empty if that is the same."""


@final
class Feed:
    """Follows a run while somebody listens.

    Args:
        look: Looks at the run; called in a thread.

    Attributes:
        listener_count: How many listen now.
    """

    def __init__(self, look: Look) -> None:
        self.listener_count = 0
        self._look = look
        self._before = self._version = -1
        self._body = b""
        self._is_gone = False
        self._changed = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None

    async def changes(self, told: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """Each version above ``told`` with what has changed since the one before.

        Where nothing has changed for ``HEARTBEAT_S``, the same version comes again with nothing. It
        ends when the run can't be read any more.
        """
        self.listener_count += 1
        if self._follower is None:
            self._is_gone = False
            self._before = self._version = -1
            self._follower = asyncio.create_task(self._follow())
        try:
            while not self._is_gone:
                if self._version <= told:
                    if not await self._is_changed():
                        yield told, b""
                    continue
                if told == self._before:
                    told, body = self._version, self._body
                else:
                    told, body = await asyncio.to_thread(self._look, told)
                yield told, body
        except PbtuneError:
            return
        finally:
            self.listener_count -= 1
            if self.listener_count == 0 and self._follower is not None:
                self._follower.cancel()
                self._follower = None

    async def _is_changed(self) -> bool:
        try:
            await asyncio.wait_for(self._changed.wait(), HEARTBEAT_S)
        except asyncio.TimeoutError:
            return False
        return True

    async def _follow(self) -> None:
        try:
            while True:
                began_s = time.monotonic()
                version, body = await asyncio.to_thread(self._look, self._version)
                if version != self._version:
                    self._before, self._version, self._body = self._version, version, body
                    self._tell()
                spent_s = time.monotonic() - began_s
                await asyncio.sleep(min(PACE_MAX_S, max(FRESH_S, spent_s / SHARE)))
        except PbtuneError:
            pass
        finally:
            if self._follower is asyncio.current_task():
                self._follower = None
                self._is_gone = True
                self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
