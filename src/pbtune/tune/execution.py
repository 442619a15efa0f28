"""One ``fit``: launch, open the run, drive it, close it."""

import platform
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import final

import msgspec

from pbtune.checkpoints.remote import FsspecStore, Remote, open_store
from pbtune.checkpoints.store import AbstractCheckpointStore
from pbtune.core.events import Damaged, Event
from pbtune.core.experiment import Experiment
from pbtune.core.objective import Objective
from pbtune.core.retention import Retention
from pbtune.core.sampling import Initial
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.settings import Settings
from pbtune.core.space import describe
from pbtune.core.stopping import StopRules
from pbtune.driver.backing import BackedTrash, Backup
from pbtune.driver.clock import SystemClock
from pbtune.driver.interrupt import Interrupt
from pbtune.driver.loop import Driver
from pbtune.driver.recover import Recovered, damages, recover
from pbtune.driver.run_folder import DATABASE, claim, default_name
from pbtune.driver.trash import AbstractTrash, ThreadTrash
from pbtune.driver.user_calls import SeededCalls
from pbtune.errors import CheckpointMissing, Unpicklable
from pbtune.executors.base import AbstractExecutor
from pbtune.executors.inline import InlineExecutor
from pbtune.executors.processes.executor import Conduct, ProcessExecutor
from pbtune.executors.processes.launcher import Launcher, needed_modules
from pbtune.journal.base import Header
from pbtune.journal.filesystem import network_filesystem
from pbtune.journal.lock import RunLock
from pbtune.journal.settings_codec import encode_settings
from pbtune.journal.sqlite import SqliteJournal
from pbtune.tune.cluster import Machine
from pbtune.tune.configs import RunConfig, TuneConfig
from pbtune.tune.pickling import Packing, pickled
from pbtune.tune.remote_run import PATIENCE_S
from pbtune.tune.resources import ONE_SLOT, Slots
from pbtune.tune.results import ResultGrid
from pbtune.tune.resume import Resume, Saved, first_events, save
from pbtune.tune.stopper.asking import sees_reports
from pbtune.tune.watching import Watched, Watching
from pbtune.version import __version__
from pbtune.worker.attempt import Trainable
from pbtune.worker.process import Job
from pbtune.worker.protocol import WorkerSettings


class PbtuneWarning(UserWarning):
    """Something about a run that its user should know; training goes on."""


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

    def watched(self, run_dir: Path) -> Watched:
        """What there is to look at while it trains."""
        return Watched(
            run_dir=run_dir,
            header=self.header(run_dir),
            run_config=self.run_config,
            tune_config=self.tune_config,
            objects=self.objects,
            param_space=self.space,
        )

    def worker_settings(self, settings: Settings, run_dir: Path) -> WorkerSettings:
        """What every attempt has in common."""
        return WorkerSettings(
            run_dir=str(run_dir),
            run_name=run_dir.name,
            observed=settings.observed(),
            needed=settings.needed(),
            mutated=self.mutated,
            durability=self.run_config.durability,
            resources=self.slots.request,
            log_names=self.run_config.log_names(),
            storage_url=self.storage_url(run_dir),
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


def execute(execution: Execution) -> ResultGrid:
    """Train to the end.

    The template process starts first, and imports the function's modules while this process
    prepares the rest.
    """
    settings = execution.settings()
    with ExitStack() as undo:
        make_executor = _prepared(execution, undo)
        resume = execution.resume
        run_dir = _claimed(execution) if resume is None else resume.run_dir
        try:
            executor = make_executor(execution.worker_settings(settings, run_dir))
        except Unpicklable:
            if resume is None:
                # Nothing has begun: leave no folder of a run that never was.
                run_dir.rmdir()
            raise
        undo.callback(executor.close, 0.0)
        interrupt = Interrupt(is_immediate=execution.machine.executor == "inline")
        try:
            state, driver = _driven(execution, (settings, run_dir, executor, interrupt))
        except KeyboardInterrupt:
            undo.close()
            interrupt.leave()
            raise
    interrupt.leave()
    if driver.fatal is not None:
        raise driver.fatal
    results = ResultGrid(run_dir, execution.metric, execution.mode, execution.objects)
    if state.halted is not None and execution.run_config.failure_config.fail_fast == "raise":
        for error in results.errors:
            raise error
    return results


def _claimed(execution: Execution) -> Path:
    wanted = execution.run_config.name
    name = wanted or default_name(execution.trainable_name, execution.started_at)
    run_dir = claim(execution.storage_root, name, is_own=bool(execution.run_config.resume))
    if wanted not in {None, run_dir.name}:
        warnings.warn(
            f"the name {name!r} is taken: this run is {run_dir.name!r}",
            PbtuneWarning,
            stacklevel=4,
        )
    return run_dir


def _driven(
    execution: Execution, parts: tuple[Settings, Path, AbstractExecutor, Interrupt]
) -> tuple[Experiment, Driver]:
    """The run from its first record to its last."""
    settings, run_dir, executor, interrupt = parts
    with RunLock(run_dir):
        url = execution.storage_url(run_dir)
        store = open_store(run_dir, execution.run_config.durability, url, PATIENCE_S)
        journal, recovered, first = _opened(execution, settings, run_dir, store)
        notices = Notices()
        watching = Watching(execution.watched(run_dir), notices)
        driver = Driver(settings, journal, executor, store, SystemClock(), recovered)
        driver.interrupted = interrupt
        driver.trash = _trash(run_dir, url, store, notices)
        driver.slots_max = execution.tune_config.max_concurrent_trials
        driver.on_notice = notices
        driver.stops = watching.stops(settings)
        watching.start()
        try:
            with interrupt.watching():
                state = driver.run(first)
        finally:
            watching.stop(is_interrupted=interrupt())
            journal.close()
    if isinstance(store, FsspecStore):
        _bring(store, state, notices)
    watching.check()
    notices.raise_held()
    return state, driver


def _bring(store: FsspecStore, state: Experiment, tell: Callable[[str], None]) -> None:
    """Have in the run's folder what results name; workers elsewhere have caches of their own."""
    try:
        for checkpoint in sorted(state.references):
            store.path_of(checkpoint)
    except (OSError, CheckpointMissing) as error:
        tell(f"not all checkpoints could be fetched from their storage: {error}")


def _trash(
    run_dir: Path, url: str, store: AbstractCheckpointStore, tell: Callable[[str], None]
) -> AbstractTrash:
    """What deletes; at a URL only what the journal's copy there doesn't name any more."""
    if not url:
        return ThreadTrash(store)
    trash = BackedTrash(store, Backup(run_dir, Remote(url, PATIENCE_S)), tell)
    trash.start()
    return trash


def _opened(
    execution: Execution, settings: Settings, run_dir: Path, store: AbstractCheckpointStore
) -> tuple[SqliteJournal, Recovered, list[Event]]:
    """The run's journal, what it says, and what has to be recorded first."""
    durability = execution.run_config.durability
    network = network_filesystem(run_dir)
    if network is not None:
        Notices()(
            f"{run_dir} is on {network}, a network file system: the journal is written more slowly"
            f" there, and only one machine may write it"
        )
    if execution.resume is None:
        # The database comes last: a folder that has one can be restored.
        is_saved = save(run_dir, execution.saved)
        header = execution.header(run_dir)
        journal = SqliteJournal.create(run_dir / DATABASE, header, durability)
        if not is_saved:
            Notices()(
                "the function, the space or a setting can't be kept with the run (not picklable,"
                " or over 64 MiB): to resume it, run the script again with"
                f' RunConfig(name={run_dir.name!r}, resume="auto")'
            )
        return journal, Recovered(), []
    first = first_events(execution.resume, settings, execution.trainable_name)
    journal = SqliteJournal.open(run_dir / DATABASE, durability)
    recovered = recover(journal)
    store.sweep(recovered.state.references)
    damaged = damages(recovered, store)
    for event in damaged:
        if isinstance(event, Damaged):
            Notices()(f"{event.checkpoint} is damaged ({event.reason}): going back further")
    return journal, recovered, [*first, *damaged]


def _prepared(
    execution: Execution, undo: ExitStack
) -> Callable[[WorkerSettings], AbstractExecutor]:
    """Start what can start before the run's folder is known."""
    trainable, objects = execution.trainable, execution.objects
    if execution.machine.executor == "inline":
        return lambda settings: InlineExecutor(settings, trainable, objects)
    slots = execution.slots
    conduct = Conduct(
        reuse=execution.tune_config.reuse_actors,
        environments=slots.environments,
        pack=Packing(objects),
        silence_s_max=execution.run_config.failure_config.report_timeout_s,
    )
    limit = execution.tune_config.max_concurrent_trials
    if execution.machine.executor == "ray":
        from pbtune.tune.on_ray import ray_executor  # noqa: PLC0415  an optional dependency

        return lambda settings: ray_executor(
            Job(settings, trainable, objects), slots, limit, conduct
        )
    modules = needed_modules(trainable)
    first = [Launcher(modules, slots.threads)]
    undo.callback(lambda: [launcher.close() for launcher in first])

    def make(settings: WorkerSettings) -> AbstractExecutor:
        payload = pickled(Job(settings, trainable, objects))

        def launch() -> Launcher:
            launcher = first.pop() if first else Launcher(modules, slots.threads)
            launcher.load(payload)
            return launcher

        return ProcessExecutor(min(slots.count, limit or slots.count), launch, conduct)

    return make


@final
class Notices:
    """Warns at once; a warning that is turned into an error waits until the run is closed."""

    def __init__(self) -> None:
        self._held: list[Warning] = []

    def __call__(self, text: str) -> None:
        """Warn about what a run's journal just recorded."""
        try:
            warnings.warn(text, PbtuneWarning, stacklevel=2)
        except PbtuneWarning as error:
            self._held.append(error)

    def raise_held(self) -> None:
        """Raise the first warning that was turned into an error."""
        if self._held:
            raise self._held[0]
