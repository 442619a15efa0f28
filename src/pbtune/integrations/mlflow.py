# ruff: noqa: ARG002  hooks are told more than each one needs
"""MLflow: one run for the population, and nested in it one for each member.

A member's first hyperparameters are its params, which MLflow writes once; what they change to are
the metrics ``hp/<name>``, a step function over the training steps. The tags ``pbt.parent`` and
``pbt.copies`` say whom a member was copied from last, and how often.

Departures from Ray Tune 2.60: members are nested under a run of the population; a resumed run goes
on in the same MLflow runs; metrics are sent in batches.
"""

import json
import math
import re
import time
from pathlib import Path
from typing import Any, Final

from pbtune.errors import SettingsError
from pbtune.tune.callback import Trials
from pbtune.tune.logger import LoggerCallback
from pbtune.tune.logger.encoding import flatten
from pbtune.tune.optional import imported

_LEFT_OUT: Final = frozenset(
    {"config", "date", "done", "hostname", "node_ip", "pid", "timestamp", "training_iteration"}
)
_FORBIDDEN: Final = re.compile(r"[^\w\-. /]")
"""In the names of metrics and params."""
_BATCH_METRICS: Final = 1000
_BATCH_PARAMS: Final = 100
_PARAM_LENGTH_MAX: Final = 500
_NOTE: Final = "mlflow.json"
"""In the run's folder: which MLflow runs belong to it, for the next session."""


class MLflowLoggerCallback(LoggerCallback):
    """Sends a run to an MLflow server, or to its local store.

    Args:
        tracking_uri: Where to; else MLFLOW_TRACKING_URI, else what MLflow takes by itself.
        registry_uri: Of the model registry; it is only passed on.
        experiment_name: The MLflow experiment, which is made if there is none; else
            MLFLOW_EXPERIMENT_NAME, else "Default".
        tags: Tags for all MLflow runs.
        save_artifact: Whether a member's folder is uploaded when it ends, checkpoints too.

    Raises:
        SettingsError: Without mlflow.
    """

    def __init__(
        self,
        tracking_uri: str | None = None,
        *,
        registry_uri: str | None = None,
        experiment_name: str | None = None,
        tags: dict[str, Any] | None = None,
        save_artifact: bool = False,
    ) -> None:
        self._mlflow = imported("mlflow", "MLflowLoggerCallback needs mlflow", "mlflow")
        self._tracking_uri = tracking_uri
        self._registry_uri = registry_uri
        self._experiment_name = experiment_name
        self._tags = {key: str(value) for key, value in (tags or {}).items()}
        self._save_artifact = save_artifact
        self._client: Any = None
        self._experiment_id = ""
        self._parent_id = ""
        self._runs: dict[str, str] = {}
        self._copies: dict[str, int] = {}
        self._waiting: dict[str, list[Any]] = {}

    def log_trial_start(self, trial: Any) -> None:  # noqa: ANN401  see the base class
        """Make the member's MLflow run, or note what its copy changed."""
        if self._client is None:
            self._open(trial)
        run_id = self._runs.get(trial.trial_id)
        if run_id is None:
            run_id = self._new_run(trial)
        elif self._copies.get(trial.trial_id) != trial.copy_count and trial.copy_count:
            self._tag(run_id, {"pbt.parent": trial.parent, "pbt.copies": trial.copy_count})
        if self._copies.get(trial.trial_id) != trial.copy_count:
            self._copies[trial.trial_id] = trial.copy_count
            step = int(trial.last_result.get("training_iteration", 0))
            for name, value in flatten(trial.config).items():
                self._add(trial.trial_id, f"hp/{name}", value, step)

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:  # noqa: ANN401  see the base class
        """See the base class."""
        if self._client is None or trial.trial_id not in self._runs:
            self.log_trial_start(trial)
        step = int(result["training_iteration"])
        for key, value in flatten(result).items():
            if key.partition("/")[0] not in _LEFT_OUT:
                self._add(trial.trial_id, key, value, step)

    def on_step_end(self, iteration: int, trials: Trials, **info: object) -> None:
        """Send what waits."""
        self._flush()

    def log_trial_end(
        self,
        trial: Any,  # noqa: ANN401  see the base class
        failed: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> None:
        """See the base class."""
        run_id = self._runs.get(trial.trial_id)
        if run_id is None:
            return
        self._flush()
        if self._save_artifact and Path(trial.local_path).is_dir():
            self._client.log_artifacts(run_id, trial.local_path)
        self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    def on_experiment_end(self, trials: Trials, **info: object) -> None:
        """End the population's run; one that is resumed is opened again."""
        if self._client is None:
            return
        self._flush()
        states = {trial.status for trial in trials}
        if states <= {"TERMINATED"}:
            state = "FINISHED"
        else:
            state = "FAILED" if states <= {"TERMINATED", "ERROR"} else "KILLED"
        for trial in trials:
            if not trial.is_finished() and trial.trial_id in self._runs:
                self._client.set_terminated(self._runs[trial.trial_id], "KILLED")
        self._client.set_terminated(self._parent_id, state)

    def _open(self, trial: Any) -> None:  # noqa: ANN401  the first that is told of
        client = self._mlflow.MlflowClient(self._tracking_uri, self._registry_uri)
        self._client = client
        note = Path(trial.local_experiment_path, _NOTE)
        if note.exists():
            known = json.loads(note.read_text(encoding="utf-8"))
            self._experiment_id, self._parent_id = known["experiment"], known["parent"]
            self._runs = known["trials"]
            for run_id in [self._parent_id, *self._runs.values()]:
                client.update_run(run_id, status="RUNNING")
            return
        self._experiment_id = self._experiment()
        tags = {**self._tags, "pbt.run": trial.experiment_dir_name}
        name = trial.experiment_dir_name
        made = client.create_run(self._experiment_id, tags=tags, run_name=name)
        self._parent_id = made.info.run_id
        self._write_note(trial)

    def _experiment(self) -> str:
        variable = self._mlflow.environment_variables.MLFLOW_EXPERIMENT_NAME
        name = self._experiment_name or variable.get() or "Default"
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return self._client.create_experiment(name)
        if found.lifecycle_stage != "active":
            message = f"the MLflow experiment {name!r} is deleted: restore it, or choose another"
            raise SettingsError(message)
        return found.experiment_id

    def _new_run(self, trial: Any) -> str:  # noqa: ANN401  an ObservedTrial
        tags = {
            **self._tags,
            "mlflow.parentRunId": self._parent_id,
            "pbt.run": trial.experiment_dir_name,
            "pbt.trial": trial.trial_id,
        }
        made = self._client.create_run(self._experiment_id, tags=tags, run_name=trial.trial_id)
        run_id = made.info.run_id
        self._runs[trial.trial_id] = run_id
        self._write_note(trial)
        entities = self._mlflow.entities
        params = [
            entities.Param(_name(key), str(value)[:_PARAM_LENGTH_MAX])
            for key, value in flatten(trial.config).items()
        ]
        for at in range(0, len(params), _BATCH_PARAMS):
            self._client.log_batch(run_id, params=params[at : at + _BATCH_PARAMS])
        return run_id

    def _write_note(self, trial: Any) -> None:  # noqa: ANN401  an ObservedTrial
        note = Path(trial.local_experiment_path, _NOTE)
        body = {"experiment": self._experiment_id, "parent": self._parent_id, "trials": self._runs}
        new = note.with_suffix(".new")
        new.write_text(json.dumps(body), encoding="utf-8")
        new.replace(note)

    def _add(self, trial_id: str, key: str, value: object, step: int) -> None:
        if isinstance(value, (int, float)) and not math.isinf(value):
            metric = self._mlflow.entities.Metric(
                _name(key), float(value), int(time.time() * 1000), step
            )
            self._waiting.setdefault(trial_id, []).append(metric)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for trial_id, metrics in waiting.items():
            for at in range(0, len(metrics), _BATCH_METRICS):
                batch = metrics[at : at + _BATCH_METRICS]
                self._client.log_batch(self._runs[trial_id], metrics=batch)

    def _tag(self, run_id: str, tags: dict[str, object]) -> None:
        for key, value in tags.items():
            self._client.set_tag(run_id, key, str(value))


def _name(key: str) -> str:
    """A name that MLflow takes."""
    return _FORBIDDEN.sub("_", key)
