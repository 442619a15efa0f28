"""A stopper for code that wants one."""

from typing import Any, final

from pbtune.tune.stopper.stopper import Stopper


@final
class NoopStopper(Stopper):
    """Never stops anything."""

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """See the base class."""
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        """See the base class."""
        return False
