# ruff: noqa: ARG002  hooks are told more than each one needs
"""TensorBoard: an event file in each trial's folder, under Tune's tags.

Departures from Ray Tune 2.60: a restart goes on in the same event file.
"""

import importlib
import math
from typing import Any, Final

from pbtune.errors import SettingsError
from pbtune.tune.callback import Trials
from pbtune.tune.logger import LoggerCallback
from pbtune.tune.logger.encoding import flatten

_LEFT_OUT: Final = ("config", "pid", "timestamp", "time_total_s", "training_iteration")
_FLUSH_S: Final = 30


class TBXLoggerCallback(LoggerCallback):
    """Numbers as scalars, lists as histograms, and at the end the hyperparameters.

    Needs tensorboardX, or torch with tensorboard.

    Raises:
        SettingsError: If there is neither.
    """

    def __init__(self) -> None:
        self._writer_class = _writer_class()
        self._writers: dict[str, Any] = {}
        self._last: dict[str, dict[str, float]] = {}

    def log_trial_start(self, trial: Any) -> None:  # noqa: ANN401  see the base class
        """Open the trial's event file, if it isn't open."""
        if trial.trial_id not in self._writers:
            trial.init_local_path()
            self._writers[trial.trial_id] = self._writer_class(
                trial.local_path, flush_secs=_FLUSH_S
            )

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:  # noqa: ANN401  see the base class
        """See the base class."""
        self.log_trial_start(trial)
        writer = self._writers[trial.trial_id]
        step = result.get("timesteps_total") or result["training_iteration"]
        shown = {key: value for key, value in result.items() if key not in _LEFT_OUT}
        numbers: dict[str, float] = {}
        for key, value in flatten(shown).items():
            tag = f"ray/tune/{key}"
            if isinstance(value, (int, float)) and not math.isnan(value):
                numbers[tag] = value
                writer.add_scalar(tag, value, global_step=step)
            elif _is_histogram(value):
                writer.add_histogram(tag, value, global_step=step)
        self._last[trial.trial_id] = numbers

    def log_trial_end(
        self,
        trial: Any,  # noqa: ANN401  see the base class
        failed: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> None:
        """See the base class."""
        writer = self._writers.pop(trial.trial_id, None)
        if writer is None:
            return
        numbers = self._last.pop(trial.trial_id, {})
        params = {
            key: value if isinstance(value, (str, bool, int, float)) else str(value)
            for key, value in flatten(trial.evaluated_params).items()
        }
        if params and numbers:
            writer.add_hparams(params, numbers)
        writer.close()

    def on_experiment_end(self, trials: Trials, **info: object) -> None:
        """Close what is still open: a run may end before its trials."""
        for trial in trials:
            self.log_trial_end(trial)


def _is_histogram(value: object) -> bool:
    """Whether a value is a list of numbers; what comes from the journal has no arrays."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, (int, float)) and math.isfinite(item) for item in value)


def _writer_class() -> Any:  # noqa: ANN401  of whichever library is there
    try:
        return importlib.import_module("tensorboardX").SummaryWriter
    except ImportError:
        pass
    try:
        return importlib.import_module("torch.utils.tensorboard").SummaryWriter
    except ImportError as error:
        message = "TBXLoggerCallback needs tensorboardX: pip install tensorboardX"
        raise SettingsError(message) from error
