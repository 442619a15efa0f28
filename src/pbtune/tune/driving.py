"""From what one ``fit`` needs to its results: open the run, drive it, close it."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import final

from pbtune.checkpoints.remote import FsspecStore, Remote, open_store
from pbtune.checkpoints.store import AbstractCheckpointStore
from pbtune.core.events import Damaged, Event
from pbtune.core.experiment import Experiment
from pbtune.core.settings import Settings
from pbtune.driver.backing import BackedTrash, Backup
from pbtune.driver.clock import SystemClock
from pbtune.driver.interrupt import Interrupt
from pbtune.driver.loop import Driver
from pbtune.driver.recover import Recovered, damages, recover
from pbtune.driver.run_folder import DATABASE, claim, default_name
from pbtune.driver.trash import AbstractTrash, ThreadTrash
from pbtune.errors import CheckpointMissing, Unpicklable
from pbtune.executors.base import AbstractExecutor
from pbtune.executors.processes.launcher import Launcher
from pbtune.journal.filesystem import network_filesystem
from pbtune.journal.lock import RunLock
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal
from pbtune.tune.building import executor_of
from pbtune.tune.execution import Execution
from pbtune.tune.pacing import warn_of_many_generations
from pbtune.tune.results import ResultGrid
from pbtune.tune.resume import first_events, needs_more
from pbtune.tune.saved import save
from pbtune.tune.urls import PATIENCE_S
from pbtune.tune.warning import PbtuneWarning, warn
from pbtune.tune.watching import Watched, Watching


def drive(execution: Execution, started: list[Launcher]) -> ResultGrid:
    """Train to the end.

    Args:
        execution: What to do.
        started: A template that runs already, if one does.

    Raises:
        UserError: If the function can't be sent, or what it reports can't be used.
        EnvironmentFault: If the run's folder can't be written.
    """
    settings, resume = execution.settings(), execution.resume
    warn_of_many_generations(settings.scheduler, execution.stop, settings.num_samples)
    if resume is not None and not needs_more(resume, settings):
        return ResultGrid(resume.run_dir, objects=execution.objects)
    run_dir = _claimed(execution) if resume is None else resume.run_dir
    try:
        executor = executor_of(execution, execution.worker_settings(settings, run_dir), started)
    except Unpicklable:
        if resume is None:
            # Nothing has begun: leave no folder of a run that never was.
            run_dir.rmdir()
        raise
    interrupt = Interrupt(is_immediate=execution.machine.executor == "inline")
    with ExitStack() as undo:
        undo.callback(executor.close, 0.0)
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
        warn(f"the name {name!r} is taken: this run is {run_dir.name!r}")
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
        watching = Watching(_watched(execution, run_dir), notices)
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
            _leave_policies(execution, run_dir, driver.state, notices)
    if isinstance(store, FsspecStore):
        _bring(store, state, notices)
    watching.check()
    notices.raise_held()
    return state, driver


def _watched(execution: Execution, run_dir: Path) -> Watched:
    """What there is to look at while it trains."""
    return Watched(
        run_dir=run_dir,
        header=execution.header(run_dir),
        run_config=execution.run_config,
        tune_config=execution.tune_config,
        objects=execution.objects,
        param_space=execution.space,
    )


def _leave_policies(
    execution: Execution, run_dir: Path, state: Experiment, tell: Callable[[str], None]
) -> None:
    """Tune's files of who was copied by whom, if anybody was."""
    wants = getattr(execution.tune_config.scheduler, "log_config", True)
    if not wants or not any(trial.segment for trial in state.trials.values()):
        return
    from pbtune.reporting.policies import write_policies  # noqa: PLC0415  no use before the end

    try:
        write_policies(run_dir)
    except OSError as error:
        tell(f"the policies of the run couldn't be written: {error}")


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
    # Read-only first: a run that is refused stays as it is.
    with JournalReader(run_dir) as reader:
        recovered = recover(reader)
    first = first_events(execution.resume, settings, execution.trainable_name, recovered.state)
    journal = SqliteJournal.open(run_dir / DATABASE, durability)
    store.sweep(recovered.state.references)
    damaged = damages(recovered, store)
    for event in damaged:
        if isinstance(event, Damaged):
            Notices()(f"{event.checkpoint} is damaged ({event.reason}): going back further")
    return journal, recovered, [*first, *damaged]


@final
class Notices:
    """Warns at once; a warning that is turned into an error waits until the run is closed."""

    def __init__(self) -> None:
        self._held: list[Warning] = []

    def __call__(self, text: str) -> None:
        """Warn about what a run's journal just recorded."""
        try:
            warn(text)
        except PbtuneWarning as error:
            self._held.append(error)

    def raise_held(self) -> None:
        """Raise the first warning that was turned into an error."""
        if self._held:
            raise self._held[0]
