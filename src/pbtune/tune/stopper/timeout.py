"""A budget of time: what ``TuneConfig(time_budget_s=...)`` makes."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, final

from pbtune.errors import SettingsError
from pbtune.tune.stopper.stopper import Stopper


@final
class TimeoutStopper(Stopper):
    """Ends every trial after a time, counted from the first time that it is asked.

    Args:
        timeout: Seconds, or a ``timedelta``.
        now_s: The clock; one that never jumps.

    Raises:
        SettingsError: If the timeout is neither.
    """

    def __init__(
        self, timeout: float | timedelta, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"timeout must be seconds or a timedelta, not {timeout!r}"
            raise SettingsError(message)
        self.timeout_s = float(seconds)
        self._now_s = now_s
        self._began_s: float | None = None
        self._spent_s = 0.0

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """See the base class."""
        del trial_id, result
        return False

    def spent(self, seconds: float) -> None:
        """Take what earlier sessions of a resumed run have used off the budget."""
        self._spent_s += seconds

    def stop_all(self) -> bool:
        """See the base class."""
        if self._began_s is None:
            self._began_s = self._now_s()
        return self._spent_s + self._now_s() - self._began_s >= self.timeout_s
