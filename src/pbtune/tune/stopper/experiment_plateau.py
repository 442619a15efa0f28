"""Ends a run whose best results no longer get better."""

import math
from typing import Any, final

from pbtune.errors import MetricMissing, SettingsError
from pbtune.tune.stopper.spread import spread
from pbtune.tune.stopper.stopper import Stopper


@final
class ExperimentPlateauStopper(Stopper):
    """Ends every trial when the best values of all reports hardly differ.

    Args:
        metric: A reported key, nested ones joined by '/'. NaN is never among the best.
        std: Up to this standard deviation, > 0, the best have stopped moving.
        top: How many values are the best, > 1.
        mode: "min" or "max".
        patience: For how many reports it has to last, >= 0.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(
        self,
        metric: str,
        std: float = 0.001,
        top: int = 10,
        mode: str = "min",
        patience: int = 0,
    ) -> None:
        if mode not in {"min", "max"}:
            message = f'mode must be "min" or "max", not {mode!r}'
            raise SettingsError(message)
        if not isinstance(top, int) or top <= 1:
            message = f"top must be an int > 1, not {top!r}"
            raise SettingsError(message)
        if not isinstance(patience, int) or patience < 0:
            message = f"patience must be an int >= 0, not {patience!r}"
            raise SettingsError(message)
        if not isinstance(std, float) or not std > 0:
            message = f"std must be a float > 0, not {std!r}"
            raise SettingsError(message)
        self._metric = metric
        self._std = std
        self._top = top
        self._sign = 1 if mode == "min" else -1
        self._patience = patience
        self._best: list[float] = []
        self._still_count = 0

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """See the base class.

        Raises:
            MetricMissing: If the report lacks the metric.
        """
        del trial_id
        if self._metric not in result:
            raise MetricMissing(self._metric, "ExperimentPlateauStopper watches", result)
        value = result[self._metric]
        if not math.isnan(value):
            self._best = sorted([*self._best, value], key=self._oriented)[: self._top]
        self._still_count = self._still_count + 1 if self.has_plateaued() else 0
        return self.stop_all()

    def has_plateaued(self) -> bool:
        """Whether the best values hardly differ; never before there are ``top`` of them."""
        return len(self._best) == self._top and spread(self._best) <= self._std

    def stop_all(self) -> bool:
        """See the base class."""
        return self.has_plateaued() and self._still_count >= self._patience

    def _oriented(self, value: float) -> float:
        return self._sign * value
