"""How long the members at a synchronous gate have waited: time, which the core doesn't know."""

from typing import final

from pbtune.core.experiment import Experiment


@final
class Gate:
    """Watches one gate.

    Args:
        timeout_s: How long the members at it wait; None for ever.
    """

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._generation = -1
        self._since_s = 0.0

    def overdue_s(self, state: Experiment, now_s: float) -> float | None:
        """How long they have waited, once that is too long; None until then."""
        if self._timeout_s is None or state.gated_count == 0:
            self._generation = -1
            return None
        if self._generation != state.generation:
            self._generation, self._since_s = state.generation, now_s
        waited_s = now_s - self._since_s
        if waited_s < self._timeout_s:
            return None
        self._generation = -1
        return waited_s
