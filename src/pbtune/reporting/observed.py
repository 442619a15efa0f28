"""A trial as observers see it: under the names that Tune's ``Trial`` has."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

from pbtune.core.exact import flatten
from pbtune.core.trial import Status, Trial
from pbtune.errors import TrialFailed

STATUSES: Final = {
    Status.PENDING: "PENDING",
    Status.RUNNING: "RUNNING",
    Status.PAUSED: "PAUSED",
    Status.DONE: "TERMINATED",
    Status.FAILED: "ERROR",
}
_UNTAGGABLE: Final = re.compile(r"[^\w\d.=,+-]")


@final
class ObservedTrial:
    """One trial, as of the record that is being told.

    Changing it changes nothing: it is a picture of the run, not the run.

    Attributes:
        trial_id: "t0", "t1", ….
        trainable_name: The training function's name.
        config: The hyperparameters now.
        evaluated_params: What was sampled at first, by '/'-joined path.
        experiment_tag: Its number and what was sampled, in one word.
        status: "PENDING", "RUNNING", "PAUSED", "TERMINATED" or "ERROR".
        last_result: The newest report with the keys that Tune fills in; empty before the first.
        checkpoint: The state that it would go on from; None if there is none.
        num_failures: Attempts that failed.
        error: What the last failure said; None if there was none.
        custom_trial_name: The name by which it is shown, where ``TuneConfig`` says so.
        is_redone: Whether this start does steps again that were reported already.
        parent: Whose weights it goes on from since its last copy; None before the first. Ours.
        copy_count: How many times it has become a copy. Ours.
    """

    PENDING: Final = "PENDING"
    RUNNING: Final = "RUNNING"
    PAUSED: Final = "PAUSED"
    TERMINATED: Final = "TERMINATED"
    ERROR: Final = "ERROR"

    def __init__(
        self,
        run_dir: Path,
        trainable_name: str,
        trial: Trial,
        evaluated: Mapping[str, object],
        rows: Callable[[str], list[dict[str, Any]]],
    ) -> None:
        self.trial_id = trial.id
        self.trainable_name = trainable_name
        self.evaluated_params = dict(evaluated)
        self.experiment_tag = experiment_tag(trial.index, evaluated)
        self.config: dict[str, Any] = trial.config
        self.status = STATUSES[trial.status]
        self.last_result: dict[str, Any] = {}
        self.checkpoint: Any = None
        self.num_failures = trial.failures
        self.error: str | None = None
        self.is_redone = False
        self.custom_trial_name: str | None = None
        self.parent = trial.parent
        self.copy_count = trial.segment
        self.local_path = str(run_dir / trial.id)
        self.local_experiment_path = str(run_dir)
        self.experiment_dir_name = run_dir.name
        self._rows = rows

    def __repr__(self) -> str:
        """As Tune names a trial."""
        return self.custom_trial_name or f"{self.trainable_name}_{self.trial_id}"

    @property
    def logdir(self) -> str:
        """The trial's folder, under Tune's older name."""
        return self.local_path

    @property
    def path(self) -> str:
        """The trial's folder."""
        return self.local_path

    def init_local_path(self) -> None:
        """Make the trial's folder, if there is none yet."""
        Path(self.local_path).mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def local_dir(self) -> str:
        """The run's folder."""
        return self.local_experiment_path

    @property
    def relative_logdir(self) -> str:
        """The name of the trial's folder in the run's."""
        return self.trial_id

    @property
    def node_ip(self) -> str | None:
        """The address of the machine that reported last."""
        return self.last_result.get("node_ip")

    @property
    def error_file(self) -> str | None:
        """Where the failures' tracebacks are; None if there was none."""
        return None if self.error is None else str(Path(self.local_path, "error.txt"))

    @property
    def has_reported_at_least_once(self) -> bool:
        """Whether there is a report."""
        return bool(self.last_result)

    @property
    def metric_analysis(self) -> dict[str, dict[str, float]]:
        """Of every reported number its max, min, avg, last, last-5-avg and last-10-avg."""
        series: dict[str, list[float]] = {}
        for row in map(flatten, self.rows()):
            for key, value in row.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    series.setdefault(key, []).append(float(value))
        return {key: _summary(values) for key, values in series.items()}

    def has_checkpoint(self) -> bool:
        """Whether there is a state that it would go on from."""
        return self.checkpoint is not None

    def get_error(self) -> Exception | None:
        """What the last failure said, as an exception; None if there was none."""
        return None if self.error is None else TrialFailed(self.trial_id, "", self.error, "")

    def is_finished(self) -> bool:
        """Whether it trains no more."""
        return self.status in {"TERMINATED", "ERROR"}

    def rows(self) -> list[dict[str, Any]]:
        """Every report up to the one that is being told, each step of a segment once."""
        return self._rows(self.trial_id)


def _summary(values: list[float]) -> dict[str, float]:
    return {
        "max": max(values),
        "min": min(values),
        "avg": sum(values) / len(values),
        "last": values[-1],
        "last-5-avg": sum(values[-5:]) / len(values[-5:]),
        "last-10-avg": sum(values[-10:]) / len(values[-10:]),
    }


def experiment_tag(index: int, evaluated: Mapping[str, object]) -> str:
    """Tune's experiment tag: "3_act=relu,lr=0.0100"."""
    parts = sorted(
        f"{path.rpartition('/')[2]}={f'{value:.4f}' if isinstance(value, float) else value}"
        for path, value in evaluated.items()
    )
    return _UNTAGGABLE.sub("_", "_".join([str(index), ",".join(parts)]).rstrip("_"))
