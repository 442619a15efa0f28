# ruff: noqa: ARG002  hooks are told more than each one needs
"""Weights & Biases: a group for the population, and in it a W&B run for each member.

A W&B run's config is what its member trains with now, ``hp/<name>`` its history. The summary has
``pbt/parent`` and ``pbt/copies``. The x-axis is ``training_iteration``, which may step back when a
member is copied from one that is behind it; W&B's own step only counts.

Departures from Ray Tune 2.60: all runs live in one process; a resumed run goes on in the same W&B
runs (W&B itself allows that online only).
"""

import json
import secrets
from pathlib import Path
from typing import Any, Final

from pbtune.tune.callback import Trials
from pbtune.tune.logger import LoggerCallback
from pbtune.tune.logger.encoding import flatten
from pbtune.tune.optional import imported

_LEFT_OUT: Final = frozenset({"config", "date", "done", "hostname", "node_ip", "pid", "timestamp"})
_NOTE: Final = "wandb.json"
"""In the run's folder: which W&B runs belong to it, for the next session."""
_AXIS: Final = "training_iteration"


class WandbLoggerCallback(LoggerCallback):
    """Sends a run to Weights & Biases, or to its offline folder.

    Args:
        project: The W&B project; else WANDB_PROJECT, else what W&B takes by itself.
        group: Of all members' runs; else the run's name.
        api_key_file: A file with the API key.
        api_key: The key itself; else WANDB_API_KEY, or what ``wandb login`` has stored.
        excludes: Keys of results that aren't sent.
        log_config: Whether the config is sent with each result.
        **kwargs: Given on to ``wandb.init``, as ``mode="offline"``, ``dir=…`` or ``tags=…``.

    Raises:
        SettingsError: Without wandb.
    """

    def __init__(
        self,
        project: str | None = None,
        group: str | None = None,
        api_key_file: str | None = None,
        api_key: str | None = None,
        excludes: list[str] | None = None,
        log_config: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
        **kwargs: Any,  # noqa: ANN401  of wandb.init
    ) -> None:
        self._wandb = imported("wandb", "WandbLoggerCallback needs wandb", "wandb")
        self._project = project
        self._group = group
        if api_key_file is not None:
            api_key = Path(api_key_file).expanduser().read_text(encoding="utf-8").strip()
        self._api_key = api_key
        self._excludes = _LEFT_OUT - ({"config"} if log_config else set()) | set(excludes or ())
        self._options = kwargs
        self._runs: dict[str, Any] = {}
        self._copies: dict[str, int] = {}
        self._ids: dict[str, str] | None = None

    def log_trial_start(self, trial: Any) -> None:  # noqa: ANN401  see the base class
        """Begin the member's W&B run, or note what its copy changed."""
        run = self._runs.get(trial.trial_id)
        if run is None:
            run = self._runs[trial.trial_id] = self._new_run(trial)
        if self._copies.get(trial.trial_id) == trial.copy_count:
            return
        self._copies[trial.trial_id] = trial.copy_count
        run.config.update(_plain(trial.config), allow_val_change=True)
        run.summary.update({"pbt/parent": trial.parent, "pbt/copies": trial.copy_count})
        numbers = {
            f"hp/{name}": value
            for name, value in flatten(trial.config).items()
            if isinstance(value, (int, float))
        }
        run.log({**numbers, _AXIS: trial.last_result.get(_AXIS, 0)})

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:  # noqa: ANN401  see the base class
        """See the base class."""
        if trial.trial_id not in self._runs:
            self.log_trial_start(trial)
        sent = {
            key: value
            for key, value in flatten(result).items()
            if key.partition("/")[0] not in self._excludes and key not in self._excludes
        }
        self._runs[trial.trial_id].log({key: _shown(value) for key, value in sent.items()})

    def log_trial_end(
        self,
        trial: Any,  # noqa: ANN401  see the base class
        failed: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> None:
        """See the base class."""
        run = self._runs.pop(trial.trial_id, None)
        if run is not None:
            run.finish(exit_code=int(failed))

    def on_experiment_end(self, trials: Trials, **info: object) -> None:
        """Finish what is still open: a run may end before its trials."""
        for trial in trials:
            self.log_trial_end(trial, failed=True)

    def _new_run(self, trial: Any) -> Any:  # noqa: ANN401  W&B's
        if self._ids is None:
            self._begin(trial)
        options = {
            "project": self._project,
            "group": self._group or trial.experiment_dir_name,
            "job_type": "member",
            "name": trial.trial_id,
            "config": _plain(trial.config),
            "dir": trial.local_experiment_path,
            # What this process prints is no member's.
            "settings": self._wandb.Settings(console="off"),
            **self._options,
        }
        # Beside the others, in this process, and without touching a run of the script's own.
        run = self._wandb.init(id=self._id(trial), resume="allow", reinit="create_new", **options)
        run.define_metric(_AXIS)
        run.define_metric("*", step_metric=_AXIS)
        return run

    def _begin(self, trial: Any) -> None:  # noqa: ANN401  an ObservedTrial
        if self._api_key is not None:
            self._wandb.login(key=self._api_key)
        note = Path(trial.local_experiment_path, _NOTE)
        self._ids = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}

    def _id(self, trial: Any) -> str:  # noqa: ANN401  an ObservedTrial
        """The member's W&B run, the same in every session."""
        ids = {} if self._ids is None else self._ids
        if trial.trial_id not in ids:
            ids[trial.trial_id] = f"{trial.trial_id}-{secrets.token_hex(6)}"
            note = Path(trial.local_experiment_path, _NOTE)
            new = note.with_suffix(".new")
            new.write_text(json.dumps(ids), encoding="utf-8")
            new.replace(note)
        return ids[trial.trial_id]


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """A config that W&B can hold: what isn't plain is its text."""
    return {
        key: _plain(value) if isinstance(value, dict) else _shown(value)
        for key, value in config.items()
    }


def _shown(value: object) -> object:
    is_plain = value is None or isinstance(value, (bool, int, float, str, list, tuple))
    return value if is_plain else str(value)
