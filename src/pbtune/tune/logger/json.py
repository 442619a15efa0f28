# ruff: noqa: ARG002  hooks are told more than each one needs
"""``result.json`` and ``params.json`` in each trial's folder, as Tune writes them.

Departures from Ray Tune 2.60: no row is lost at a restart, and no step of a segment is there twice.
"""

from pathlib import Path
from typing import Any, Final, TextIO

from pbtune.reporting.observed import ObservedTrial
from pbtune.tune.callback import Trials
from pbtune.tune.logger.encoding import dumps
from pbtune.tune.logger.logger import LoggerCallback

RESULT_NAME: Final = "result.json"
PARAMS_NAME: Final = "params.json"


class JsonLoggerCallback(LoggerCallback):
    """One line of JSON per report, nested as it was reported; the config at each start."""

    def __init__(self) -> None:
        self._files: dict[str, TextIO] = {}

    def log_trial_start(self, trial: ObservedTrial) -> None:
        """Write the config down, and open the file; what a new attempt does again goes first."""
        trial.init_local_path()
        params = dumps(trial.config, indent=2, sort_keys=True)
        Path(trial.local_path, PARAMS_NAME).write_text(params, encoding="utf-8")
        if trial.trial_id not in self._files or trial.is_redone:
            self._open(trial)

    def log_trial_result(
        self, iteration: int, trial: ObservedTrial, result: dict[str, Any]
    ) -> None:
        """See the base class."""
        if trial.trial_id not in self._files:
            # The start was told in an earlier session; this row is among the trial's.
            self._open(trial)
            return
        file = self._files[trial.trial_id]
        file.write(f"{dumps(result)}\n")
        file.flush()

    def log_trial_end(
        self,
        trial: ObservedTrial,
        failed: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> None:
        """See the base class."""
        file = self._files.pop(trial.trial_id, None)
        if file is not None:
            file.close()

    def on_experiment_end(self, trials: Trials, **info: object) -> None:
        """Close what is still open: a run may end before its trials."""
        for trial in trials:
            self.log_trial_end(trial)

    def _open(self, trial: ObservedTrial) -> None:
        """A file with every report so far, whatever was in it."""
        self.log_trial_end(trial)
        trial.init_local_path()
        path = Path(trial.local_path, RESULT_NAME)
        file = path.open("w", encoding="utf-8")
        self._files[trial.trial_id] = file
        file.writelines(f"{dumps(row)}\n" for row in trial.rows())
