"""Time as an argument: the loop knows only this door."""

import time
from abc import ABC, abstractmethod
from typing import final


class AbstractClock(ABC):
    """Two kinds of time. No decision depends on either."""

    @abstractmethod
    def now_s(self) -> float:
        """Seconds of a clock that never jumps; for durations."""

    @abstractmethod
    def wall_s(self) -> float:
        """Seconds since the epoch, for people."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Let time pass."""


@final
class SystemClock(AbstractClock):
    """The machine's own clocks."""

    def now_s(self) -> float:
        """See the base class."""
        return time.monotonic()

    def wall_s(self) -> float:
        """See the base class."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """See the base class."""
        time.sleep(seconds)
