"""``Trainable``: a training as a class, with Tune's methods.

The order of the calls: ``setup``; ``load_checkpoint`` if there is something to go on from; then
``step``, ``log_result``, and ``save_checkpoint`` when a checkpoint is due; ``cleanup`` at the end.
"""

import copy
import os
import platform
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.errors import NotInPbtune, SettingsError, UserError
from pbtune.tune.places import elsewhere
from pbtune.worker.api import TrialResources, get_context, is_in_trial
from pbtune.worker.class_runner import ClassLoop, save_state, saved_state
from pbtune.worker.host import node_ip

_USERS_OWN: Final = ("training_iteration", "time_this_iter_s", "time_total_s", "done")
"""Keys that are only filled in where the user's result lacks them."""


class Trainable:
    """Derive from this, and override ``step`` and whatever else the training needs.

    The engine decides when to save: at each report that its scheduler may act on, besides those of
    ``CheckpointConfig(checkpoint_frequency=, checkpoint_at_end=)``. It can also be used by hand:
    ``MyTrainable(config).train()``.

    Args:
        config: The hyperparameters.
        storage: Accepted; the engine knows where checkpoints go.

    Attributes:
        config: The hyperparameters; new ones after an exploit.
    """

    config: dict[str, Any]

    def __init__(self, config: dict[str, Any] | None = None, storage: object = None) -> None:
        del storage
        self.config = {} if config is None else config
        self._iteration = 0
        self._time_total_s = 0.0
        self._took_s = 0.0
        self._iterations_since_restore = 0
        self._time_since_restore_s = 0.0
        self._folder: str | None = None
        self.setup(copy.deepcopy(self.config))

    # What a user overrides.

    def setup(self, config: dict[str, Any]) -> None:
        """Make the model. ``config`` is a copy that may be changed."""

    def step(self) -> dict[str, Any]:
        """One iteration, the one that is reported.

        Returns:
            Metrics by name. A truthy ``done`` ends the trial; ``should_checkpoint`` asks for one.
        """
        raise NotImplementedError

    def save_checkpoint(self, checkpoint_dir: str) -> object:
        """Write the state into a directory.

        Returns:
            None or the same directory; or the state as a dict, instead of writing files.
        """
        raise NotImplementedError

    def load_checkpoint(self, checkpoint: Any) -> None:  # noqa: ANN401  a path or a dict
        """Go on from a state: the directory, or the dict, that ``save_checkpoint`` gave."""
        message = (
            f"{type(self).__qualname__} saves checkpoints, but has no load_checkpoint() to go on"
            f" from one"
        )
        raise NotImplementedError(message)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another config without making a new object, which saves the time of ``setup``.

        Returns:
            Whether that was done. Otherwise this object is cleaned up, and a new one is made.
        """
        del new_config
        return False

    def cleanup(self) -> None:
        """Give back what ``setup`` took. Called once, when the object isn't needed any more."""

    def log_result(self, result: dict[str, Any]) -> None:
        """See each result, with the keys that Tune fills in."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> object:
        """What one trial needs, as ``with_resources`` takes it; None for one CPU."""
        del config

    @classmethod
    def resource_help(cls, config: dict[str, Any]) -> str:
        """What to tell a user whose machine has too little."""
        del config
        return ""

    # What a user asks.

    @property
    def iteration(self) -> int:
        """Steps so far; a copy goes on from its donor's number."""
        return self._iteration

    @property
    def training_iteration(self) -> int:
        """The same as ``iteration``."""
        return self._iteration

    @property
    def logdir(self) -> str:
        """The trial's own folder; outside a trial a temporary one."""
        folder = get_context().get_trial_dir()
        if folder is None:
            self._folder = self._folder or tempfile.mkdtemp(prefix="trainable_")
            return self._folder
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    @property
    def trial_name(self) -> str:
        """The trial's name; "default" outside a trial."""
        return get_context().get_trial_name() or "default"

    @property
    def trial_id(self) -> str:
        """The trial's id; "default" outside a trial."""
        return get_context().get_trial_id() or "default"

    @property
    def trial_resources(self) -> TrialResources:
        """What this trial has; nothing is known of it outside a trial."""
        return get_context().get_trial_resources() or TrialResources()

    def get_config(self) -> dict[str, Any]:
        """The hyperparameters."""
        return self.config

    # What a user may call by hand, and what the engine calls.

    def train(self) -> dict[str, Any]:
        """One ``step``; its result with the keys that Tune fills in."""
        return self._filled(cast("dict[str, Any]", self.advance_once()))

    def advance_once(self) -> dict[str, object]:
        """One ``step``, counted and shown to ``log_result``.

        Raises:
            UserError: If ``step`` didn't return a dict.
        """
        begun_s = time.monotonic()
        result = cast("object", self.step())
        if not isinstance(result, Mapping):
            message = f"step() must return a dict of metrics, not {type(result).__name__}"
            raise UserError(message)
        took_s = time.monotonic() - begun_s
        self._iteration += 1
        self._iterations_since_restore += 1
        self._time_total_s += took_s
        self._time_since_restore_s += took_s
        self._took_s = took_s
        metrics = dict(cast("Mapping[str, object]", result))
        if type(self).log_result is not Trainable.log_result:
            self.log_result(self._filled(metrics))
        return metrics

    def go_on_from(self, checkpoint_dir: str | None, iteration: int, time_total_s: float) -> None:
        """Load a checkpoint, if there is one, and count from its iteration."""
        self._iteration = iteration
        self._time_total_s = time_total_s
        self._iterations_since_restore = 0
        self._time_since_restore_s = 0.0
        if checkpoint_dir is not None:
            self.load_checkpoint(saved_state(checkpoint_dir))

    def save(self, checkpoint_dir: str | os.PathLike[str] | None = None) -> Checkpoint:
        """Save by hand, into a directory or a new one under ``logdir``."""
        if checkpoint_dir is None:
            checkpoint_dir = Path(self.logdir, f"checkpoint_{self._iteration:06d}")
        folder = Path(checkpoint_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_state(self, str(folder))
        checkpoint = Checkpoint(folder)
        done = {"training_iteration": self._iteration, "time_total_s": self._time_total_s}
        checkpoint.update_metadata(done)
        return checkpoint

    def restore(self, checkpoint_path: str | os.PathLike[str] | Checkpoint) -> None:
        """Go on by hand from what ``save`` gave, or from any trial's checkpoint."""
        checkpoint = (
            checkpoint_path
            if isinstance(checkpoint_path, Checkpoint)
            else Checkpoint.from_directory(checkpoint_path)
        )
        done = cast("dict[str, Any]", checkpoint.get_metadata())
        with checkpoint.as_directory() as folder:
            total_s = float(done.get("time_total_s", 0.0))
            self.go_on_from(folder, int(done.get("training_iteration", 0)), total_s)

    def train_buffered(
        self, buffer_time_s: float, max_buffer_length: int = 1000
    ) -> list[dict[str, Any]]:
        """Several ``train`` calls: until so much time is over, so many are done, or one is last."""
        results: list[dict[str, Any]] = []
        until_s = time.monotonic() + buffer_time_s
        while not results or (
            time.monotonic() < until_s
            and len(results) < max_buffer_length
            and not results[-1].get("done")
            and not results[-1].get("should_checkpoint")
        ):
            results.append(self.train())
        return results

    def reset(self, new_config: dict[str, Any], storage: object = None) -> bool:
        """Hand a new config to ``reset_config``; whether the object can go on with it."""
        del storage
        self.config = new_config
        if not self.reset_config(new_config):
            return False
        self.go_on_from(None, 0, 0.0)
        return True

    def stop(self) -> None:
        """Clean up."""
        self.cleanup()
        if self._folder is not None:
            with suppress(OSError):
                Path(self._folder).rmdir()

    def export_model(
        self, export_formats: list[str] | str, export_dir: str | None = None
    ) -> NoReturn:
        """Not here.

        Raises:
            NotInPbtune: Always.
        """
        del export_formats, export_dir
        full = f"ray.tune.{type(self).__qualname__}.export_model()"
        raise NotInPbtune(full, "save what you need as a checkpoint")

    def get_auto_filled_metrics(
        self,
        now: datetime | None = None,
        time_this_iter: float | None = None,
        timestamp: int | None = None,
        debug_metrics_only: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> dict[str, Any]:
        """The keys that are filled in besides what ``step`` returns.

        Args:
            now: The time that they tell.
            time_this_iter: Seconds that the step took.
            timestamp: Seconds since 1970.
            debug_metrics_only: Whether only who and where is told, and no times of the training.
        """
        now = now or datetime.now()  # noqa: DTZ005  local time, as in Tune
        ip, pid = self.get_current_ip_pid()
        found: dict[str, Any] = {
            "trial_id": self.trial_id,
            "date": now.strftime("%Y-%m-%d_%H-%M-%S"),
            "timestamp": int(now.timestamp()) if timestamp is None else timestamp,
            "pid": pid,
            "hostname": platform.node(),
            "node_ip": ip,
            "config": self.config,
        }
        if debug_metrics_only:
            return found
        took_s = self._took_s if time_this_iter is None else time_this_iter
        return {
            "training_iteration": self._iteration,
            "time_this_iter_s": took_s,
            "time_total_s": self._time_total_s,
            **found,
            "time_since_restore": self._time_since_restore_s,
            "iterations_since_restore": self._iterations_since_restore,
        }

    def get_current_ip_pid(self) -> tuple[str, int]:
        """This machine's address, and this process."""
        return node_ip(), os.getpid()

    def get_state(self) -> dict[str, Any]:
        """How far the training has come."""
        return {
            "iteration": self._iteration,
            "time_total": self._time_total_s,
            "iterations_since_restore": self._iterations_since_restore,
        }

    def is_actor(self) -> bool:
        """Whether a worker's loop trains this object, and not a script of its own."""
        return is_in_trial()

    def _filled(self, result: Mapping[str, Any]) -> dict[str, Any]:
        own = {key: result[key] for key in _USERS_OWN if key in result}
        return {"done": False, **result, **self.get_auto_filled_metrics(), **own}


def overrides(trainable: type[Trainable], method: str) -> bool:
    """Whether a class, or one between it and ``Trainable``, has a method of its own."""
    own, base = getattr(trainable, method), getattr(Trainable, method)
    return getattr(own, "__func__", own) is not getattr(base, "__func__", base)


def class_loop(trainable: type[Trainable], frequency: int | None, at_end: bool | None) -> ClassLoop:  # noqa: FBT001  as in CheckpointConfig
    """The function that trains a class.

    Args:
        trainable: The class.
        frequency: ``CheckpointConfig.checkpoint_frequency``.
        at_end: ``CheckpointConfig.checkpoint_at_end``; left out, a class that can save does.

    Raises:
        SettingsError: If it is no ``tune.Trainable``, can't step, or shall save and can't.
    """
    name = trainable.__qualname__
    if not issubclass(trainable, Trainable):  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"{name} is a class: derive it from tune.Trainable, or give a function of config"
        raise SettingsError(message)
    if not overrides(trainable, "step"):
        message = f"{name} has no step(): override it, and return a dict of metrics"
        raise SettingsError(message)
    can_save = overrides(trainable, "save_checkpoint")
    if (frequency or at_end) and not can_save:
        message = (
            f"{name} has no save_checkpoint(), which checkpoint_frequency and checkpoint_at_end"
            f" need: override it, and load_checkpoint()"
        )
        raise SettingsError(message)
    return ClassLoop(
        trainable,
        is_resettable=overrides(trainable, "reset_config"),
        can_save=can_save,
        frequency=frequency or 0,
        at_end=can_save if at_end is None else at_end,
    )


__path__: list[str] = []  # Ray has a package of this name; ``places`` finds its modules


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
