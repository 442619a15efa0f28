"""Who looks on while a run trains: the view or the user's reporter, and the user's callbacks."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

import msgspec

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.core.sampling import grid_count
from pbtune.core.settings import Settings
from pbtune.driver.stops import AbstractStops
from pbtune.journal.base import Header
from pbtune.journal.reader import JournalReader
from pbtune.reporting.notebook import NotebookView, is_notebook
from pbtune.reporting.observers import Observers, Watch
from pbtune.reporting.terminal import TerminalView
from pbtune.tune.configs import RunConfig, TuneConfig
from pbtune.tune.placeholders import Masked
from pbtune.tune.progress_reporter import ReporterCallback
from pbtune.tune.stopper.asking import Stops
from pbtune.tune.stopper.noop import NoopStopper


class Watched(msgspec.Struct, frozen=True):
    """A run to look at."""

    run_dir: Path
    header: Header
    run_config: RunConfig
    tune_config: TuneConfig
    objects: dict[str, object]
    param_space: dict[str, object]


@final
class Watching:
    """Everything that looks on. What it does can't change a decision.

    Args:
        watched: The run.
        on_notice: Told what the user should know.
    """

    def __init__(self, watched: Watched, on_notice: Callable[[str], None]) -> None:
        config, reporter = watched.run_config, watched.run_config.progress_reporter
        self._watched = watched
        verbose = 0 if reporter is not None else config.verbose
        self._view = (
            NotebookView(watched.run_dir, verbose)
            if is_notebook()
            else TerminalView(watched.run_dir, verbose, sys.stdout)
        )
        observers: Sequence[object] = config.callbacks
        if reporter is not None:
            observers = [*observers, ReporterCallback(reporter, self._facts())]
        watch = Watch(
            on_error=on_notice,
            checkpoint_at=Checkpoint,
            objects=Masked(watched.objects),
            setup=self._spec(),
            name_of=watched.tune_config.trial_name_creator,
        )
        self._observers = Observers(watched.run_dir, observers, watch)

    def start(self) -> None:
        """Begin to look; the run's journal exists."""
        self._view.start()
        self._observers.start()

    def stop(self, *, is_interrupted: bool = False) -> None:
        """Show and tell the end."""
        self._observers.stop()
        self._view.stop(is_interrupted=is_interrupted)

    def check(self) -> None:
        """Raise what a callback with ``stop_on_error`` raised, if one did."""
        self._observers.check()

    def stops(self, settings: Settings) -> AbstractStops | None:
        """The door to whatever may end the run from the user's side; None if there is nothing."""
        stopper = self._watched.run_config.stopper(self._watched.tune_config.time_budget_s)
        is_strict = any(it.stop_on_error for it in self._watched.run_config.callbacks)
        if stopper is None and not is_strict:
            return None
        objective = settings.objective
        stops = Stops(
            stopper or NoopStopper(), objective.user_calls, objective.seed, self._observers.check
        )
        if stopper is not None:
            with JournalReader(self._watched.run_dir) as reader, reader.snapshot():
                stops.recall(reader)
        return stops

    def _facts(self) -> dict[str, Any]:
        header = self._watched.header
        return {
            "start_time": header.created_at,
            "total_samples": self._total_samples(),
            "metric": header.metric,
            "mode": header.mode,
        }

    def _spec(self) -> dict[str, object]:
        watched = self._watched
        return {
            "stop": watched.run_config.stop,
            "num_samples": watched.tune_config.num_samples,
            "time_budget_s": watched.tune_config.time_budget_s,
            "total_num_samples": self._total_samples(),
        }

    def _total_samples(self) -> int:
        return self._watched.tune_config.num_samples * grid_count(self._watched.param_space)
