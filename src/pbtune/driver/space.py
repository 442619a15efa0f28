"""A full disk, as the user hears of it: once when the run begins to wait, once when it goes on."""

from collections.abc import Callable
from typing import Final, final

QUIET_S: Final = 3.0
"""Workers that wait say so every second."""


@final
class Space:
    """What is known of the space that is left.

    Args:
        tell: Tells the user.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._awaited_at_s: float | None = None

    def awaited(self, what: str, now_s: float) -> None:
        """Somebody waits for it.

        Args:
            what: What is full, as a sentence.
            now_s: The clock's time.
        """
        if self._awaited_at_s is None:
            self._tell(f"{what} The run waits until there is space.")
        self._awaited_at_s = now_s

    def look(self, now_s: float) -> None:
        """Nobody has said so for a while: there is some."""
        if self._awaited_at_s is not None and now_s - self._awaited_at_s > QUIET_S:
            self.found()

    def found(self) -> None:
        """There is some, if it was waited for."""
        if self._awaited_at_s is not None:
            self._awaited_at_s = None
            self._tell("There is space again: the run goes on.")
