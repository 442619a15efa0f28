"""What one ``fit`` needs, checked: settings for the core, for workers and for readers."""

import os
import platform
from pathlib import Path
from typing import Final

import msgspec

from pbtune.core.objective import Objective
from pbtune.core.retention import Retention
from pbtune.core.sampling import Initial
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.settings import Settings
from pbtune.core.space import describe
from pbtune.core.stopping import StopRules
from pbtune.driver.user_calls import SeededCalls
from pbtune.journal.base import Header
from pbtune.journal.settings_codec import encode_settings
from pbtune.tune.cluster import Machine
from pbtune.tune.configs import RunConfig, TuneConfig
from pbtune.tune.places import elsewhere
from pbtune.tune.resources import ONE_SLOT, Slots
from pbtune.tune.saved import Resume, Saved
from pbtune.tune.stopper.given import sees_reports
from pbtune.version import __version__
from pbtune.worker.attempt import Trainable
from pbtune.worker.protocol import WorkerSettings

LENIENT: Final = "TUNE_DISABLE_STRICT_METRIC_CHECKING"
"""Tune's variable: with "1" a report may lack the metric, and is ranked last."""


class Execution(msgspec.Struct, frozen=True):
    """Everything that one ``fit`` needs, checked."""

    trainable: Trainable
    trainable_name: str
    space: dict[str, object]
    objects: dict[str, object]
    scheduler: AbstractScheduler
    mutations: dict[str, object]
    mutated: tuple[str, ...]
    metric: str | None
    mode: str | None
    seed: int
    tune_config: TuneConfig
    run_config: RunConfig
    machine: Machine
    storage_root: Path
    stop: tuple[tuple[str, float], ...]
    started_at: float
    saved: Saved
    slots: Slots = ONE_SLOT
    resume: Resume | None = None
    initial: Initial | None = None

    def settings(self) -> Settings:
        """What decisions depend on."""
        checkpoints = self.run_config.checkpoint_config
        failures = self.run_config.failure_config
        return Settings(
            objective=Objective(self.seed, SeededCalls(self.objects), self.metric, self.mode),
            scheduler=self.scheduler,
            param_space=self.space,
            num_samples=self.tune_config.num_samples,
            initial=self.initial or Initial(),
            stop=StopRules(self.stop, every=self._asks_about_reports()),
            retention=Retention(
                checkpoints.num_to_keep,
                checkpoints.checkpoint_score_attribute,
                checkpoints.checkpoint_score_order or "max",
            ),
            max_failures=failures.max_failures,
            fail_fast=bool(failures.fail_fast),
        )

    def _asks_about_reports(self) -> bool:
        """Whether each report has to block, because a stopper is asked about it."""
        stopper = self.run_config.stopper(self.tune_config.time_budget_s)
        if stopper is None:
            return False
        # Inline, the loop runs only while a report blocks.
        return sees_reports(stopper) or self.machine.executor == "inline"

    def worker_settings(self, settings: Settings, run_dir: Path) -> WorkerSettings:
        """What every attempt has in common."""
        return WorkerSettings(
            run_dir=str(run_dir),
            run_name=run_dir.name,
            observed=settings.observed(),
            needed=() if os.environ.get(LENIENT) == "1" else settings.needed(),
            mutated=self.mutated,
            durability=self.run_config.durability,
            resources=self.slots.request,
            log_names=self.run_config.log_names(),
            storage_url=self.storage_url(run_dir),
            trainable_name=self.trainable_name,
        )

    def storage_url(self, run_dir: Path) -> str:
        """Where the run's checkpoints are, if not in its folder."""
        root = self.run_config.storage_url()
        return "" if root is None else f"{root}/{run_dir.name}"

    def header(self, run_dir: Path) -> Header:
        """What readers of the journal have to know."""
        checkpoints = self.run_config.checkpoint_config
        return Header(
            name=run_dir.name,
            trainable=self.trainable_name,
            seed=self.seed,
            created_at=self.started_at,
            metric=self.metric,
            mode=self.mode,
            num_samples=self.tune_config.num_samples,
            mutated=self.mutated,
            domains=describe(self.mutations),
            settings={
                "scheduler": type(self.scheduler).__name__,
                "scheduler_version": self.scheduler.version,
                "time_attr": self.scheduler.time_attr,
                "stop": dict(self.stop),
                "executor": self.machine.executor,
                "log_names": list(self.run_config.log_names()),
                "storage_url": self.storage_url(run_dir),
                "engine": encode_settings(self.settings()),
                "checkpoints": {
                    "num_to_keep": checkpoints.num_to_keep,
                    "score_attribute": checkpoints.checkpoint_score_attribute,
                    "score_order": checkpoints.checkpoint_score_order or "max",
                },
            },
            pbtune_version=__version__,
            python_version=platform.python_version(),
        )


__path__: list[str] = []  # Ray has a package of this name; ``places`` finds its modules


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
