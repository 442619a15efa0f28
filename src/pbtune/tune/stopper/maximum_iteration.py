"""A bound on the number of reports."""

from collections import Counter
from typing import Any, final

from pbtune.tune.stopper.stopper import Stopper


@final
class MaximumIterationStopper(Stopper):
    """Ends a trial at its ``max_iter``-th report.

    It counts calls, not ``training_iteration``: steps that a copy does again count again, as in
    Tune. For a bound on ``training_iteration``, say ``stop={"training_iteration": n}``.
    """

    def __init__(self, max_iter: int) -> None:
        self._max_iter = max_iter
        self._counts: Counter[str] = Counter()

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """See the base class."""
        del result
        self._counts[trial_id] += 1
        return self._counts[trial_id] >= self._max_iter

    def stop_all(self) -> bool:
        """See the base class."""
        return False
