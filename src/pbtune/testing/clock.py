"""Time that passes only when somebody says so."""

from typing import final

from pbtune.driver.clock import AbstractClock


@final
class VirtualClock(AbstractClock):
    """Stands still until it is told to jump; ``at_s`` is what it shows."""

    def __init__(self, at_s: float = 1000.0) -> None:
        self.at_s = at_s

    def now_s(self) -> float:
        """See the base class."""
        return self.at_s

    def wall_s(self) -> float:
        """The same time: one clock is enough where nothing jumps."""
        return self.at_s

    def sleep(self, seconds: float) -> None:
        """See the base class; it returns at once."""
        self.at_s += seconds
