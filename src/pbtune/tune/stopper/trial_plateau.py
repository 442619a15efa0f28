"""Ends a trial that no longer moves."""

import math
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final, final

from pbtune.errors import SettingsError
from pbtune.tune.stopper.spread import spread
from pbtune.tune.stopper.stopper import Stopper

_NUMBERS: Final = (int, float)


@final
class TrialPlateauStopper(Stopper):
    """Ends a trial when its metric's last values hardly differ.

    Args:
        metric: A reported key, nested ones joined by '/'.
        std: Below this standard deviation a trial has stopped moving.
        num_results: How many values it is taken over.
        grace_period: Reports before which no trial ends.
        metric_threshold: The metric has to be as good as this, too.
        mode: "max" or "min": which way is good; needed with ``metric_threshold``.

    Raises:
        SettingsError: If there is a ``metric_threshold`` and no mode.
    """

    def __init__(
        self,
        metric: str,
        std: float = 0.01,
        num_results: int = 4,
        grace_period: int = 4,
        metric_threshold: float | None = None,
        mode: str | None = None,
    ) -> None:
        if metric_threshold is not None and mode not in {"min", "max"}:
            message = f'with metric_threshold, mode must be "min" or "max", not {mode!r}'
            raise SettingsError(message)
        self._metric = metric
        self._std = std
        self._num_results = num_results
        self._grace_period = grace_period
        self._threshold = metric_threshold
        self._mode = mode
        self._counts: Counter[str] = Counter()
        self._values: dict[str, deque[object]] = {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """See the base class."""
        value = result.get(self._metric)
        values = self._values.setdefault(trial_id, deque(maxlen=self._num_results))
        values.append(value)
        self._counts[trial_id] += 1
        if self._counts[trial_id] < self._grace_period or len(values) < self._num_results:
            return False
        return self._is_good(value) and _spread(values) < self._std

    def stop_all(self) -> bool:
        """See the base class."""
        return False

    def _is_good(self, value: object) -> bool:
        if self._threshold is None:
            return True
        if not isinstance(value, _NUMBERS):
            return False
        # NaN is neither above nor below; its spread keeps the trial going.
        if self._mode == "min":
            return not value > self._threshold
        return not value < self._threshold


def _spread(values: Iterable[object]) -> float:
    """The spread of what may be no numbers: then nothing is known, and the trial goes on."""
    numbers = [value if isinstance(value, _NUMBERS) else math.inf for value in values]
    return spread(numbers) if all(map(math.isfinite, numbers)) else math.inf
