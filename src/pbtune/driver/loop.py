"""The only loop: drain, fence, fold, decide, commit, adopt, plan, tell.

    wait ─► messages ─► translate ─► advance ─► place ─► journal.append ─► adopt ─► plan ─► do

Everything up to ``append`` is a proposal: if the commit fails, nothing has happened and nobody has
been told.
"""

from collections.abc import Callable, Sequence
from typing import Final, final

from pbtune.checkpoints.store import AbstractCheckpointStore
from pbtune.core.decide import advance
from pbtune.core.decisions import Halted, Released
from pbtune.core.events import Damaged, Event, Failed, Noticed, Opened, Report, StoppedAll, Waited
from pbtune.core.experiment import Experiment, Record
from pbtune.core.fold import fold
from pbtune.core.lease import reached
from pbtune.core.plan import Continue, Stop, is_stuck, place, plan
from pbtune.core.retention import release
from pbtune.core.settings import Settings
from pbtune.core.trial import Trial
from pbtune.driver.clock import AbstractClock
from pbtune.driver.gate import Gate
from pbtune.driver.recover import Recovered
from pbtune.driver.space import Space
from pbtune.driver.stops import AbstractStops, answered
from pbtune.driver.translate import notice, translate
from pbtune.driver.trash import AbstractTrash, LoopTrash
from pbtune.errors import (
    MetricMissing,
    SettingsError,
    StorageFull,
    StorageUnwritable,
    UserError,
)
from pbtune.executors.base import AbstractExecutor
from pbtune.executors.messages import Asked, AwaitsSpace, Errored, Message, Streamed
from pbtune.journal.base import AbstractJournal, ReportRow
from pbtune.journal.folded import Folded

WAIT_S: Final = 1.0
STOPPER_WAIT_S: Final = 0.1
"""How often stoppers are asked about the whole run while no reports arrive: as often as in Tune."""
CLOSE_GRACE_S: Final = 10.0
FULL_RETRY_S: Final = 1.0
KEEP_EVERY: Final = 10_000
KEEP_AT_END: Final = 1_000
KEEP_PER_TRIAL: Final = 20
"""Records that the next driver may have to fold; more are kept folded for it."""
NO_CHECKPOINTS: Final = (
    "synchronous PBT and HyperBand have to pause members if there are fewer slots than members, and"
    " those that wait have no checkpoint to go on from: pass checkpoint= to report() at least once"
    " per interval, or give every member a slot (pbtune.init(num_cpus=...))"
)


@final
class Driver:
    """Connects a journal, an executor and the core.

    Args:
        settings: What decisions depend on.
        journal: Where they are committed; the driver is its only writer.
        executor: What carries them out.
        store: Where released checkpoints are deleted.
        clock: The time, for people.
        recovered: What the journal says so far.

    Attributes:
        state: What has been committed.
        fatal: Why every trial would fail; None if there is no such reason.
        on_notice: Told what the user should know.
        interrupted: Asked whether to stop here.
        slots_max: At most so many slots are used; None for all.
        trash: Deletes released checkpoints; in this thread, unless another one is set.
        stops: Asks the user's stoppers; None if there are none.
        keep_every: After so many records, what they fold to is kept beside them.
    """

    def __init__(
        self,
        settings: Settings,
        journal: AbstractJournal,
        executor: AbstractExecutor,
        store: AbstractCheckpointStore,
        clock: AbstractClock,
        recovered: Recovered,
    ) -> None:
        self.state = recovered.state
        self.fatal: UserError | None = None
        self.on_notice: Callable[[str], None] | None = None
        self.interrupted: Callable[[], bool] = _never
        self.slots_max: int | None = None
        self.stops: AbstractStops | None = None
        self.keep_every = KEEP_EVERY
        self.trash: AbstractTrash = LoopTrash(store)
        self._settings = settings
        self._journal = journal
        self._executor = executor
        self._store = store
        self._clock = clock
        self._savings = recovered.savings
        self._reached: dict[str, tuple[int, int]] = {}
        self._slots_seen = 0
        self._space = Space(self._tell)
        self._gate = Gate(settings.scheduler.gate_timeout_s)
        self._notices = list(recovered.notices)
        self._noticed = {_notice_key(it) for it in recovered.notices}
        self._unkept_count = 0

    def run(self, first: Sequence[Event] = ()) -> Experiment:
        """Train until every trial has ended, the run is halted, or somebody interrupts.

        Args:
            first: What has to be recorded before anything starts: a rewinding, a reopening.

        Returns:
            The final state.
        """
        self._executor.open(self.turn)
        try:
            self.react([*first, Opened(self.state.session + 1), *self._stopping_all()])
            while not self.state.is_finished and not self.interrupted():
                self._once()
        except StorageUnwritable:
            # Writing once more could only make it worse.
            self._executor.close(0.0)
            raise
        except BaseException:
            # No worker may outlive its driver, and what it sent is kept.
            self._store_late(self._executor.close(CLOSE_GRACE_S))
            self._empty_trash()
            raise
        self._command()
        self._store_late(self._executor.close(CLOSE_GRACE_S))
        if self._unkept_count >= min(KEEP_AT_END, self.keep_every):
            self._keep()
        self._empty_trash()
        return self.state

    def _empty_trash(self) -> None:
        try:
            self.trash.empty()
            # No worker lives any more: what one left half written when it died can go too.
            self._store.sweep(self.state.references)
        except OSError as error:
            self._tell(f"a checkpoint that nobody needs any more couldn't be deleted: {error}")

    def _once(self) -> None:
        wait_s = WAIT_S if self.stops is None else STOPPER_WAIT_S
        messages = self._executor.wait(0.0 if self.trash.has_work() else wait_s)
        if messages:
            self.turn(messages)
        elif not self.state.is_finished and (ending := self._stopping_all()):
            self.react(ending)
        elif self._slot_count() != self._slots_seen:
            # Machines came, or went.
            self.react([])
        elif not self.trash.step():
            self._journal.idle()
        self._space.look(self._clock.now_s())
        waited_s = self._gate.overdue_s(self.state, self._clock.now_s())
        if waited_s is not None:
            self.react([Waited(waited_s)])

    def turn(self, messages: list[Message]) -> None:
        """React to what has arrived."""
        rows: list[ReportRow] = []
        records: list[Record] = []
        state = self.state
        for message in messages:
            if isinstance(message, AwaitsSpace):
                self._space.awaited("The disk with the run's folder is full.", self._clock.now_s())
                continue
            translated = translate(self._settings, state, message)
            if translated is None or not self._is_new(translated.row):
                continue
            if isinstance(message, Errored) and message.fatal:
                self.fatal = MetricMissing.told(message.message)
            if self.stops is not None:
                translated = answered(self.stops, state, translated)
            if translated.row is not None:
                rows.append(translated.row)
            events = self._worth_telling(state, translated.events, message)
            for event in [*events, *self._stopping_all()]:
                state, new = advance(self._settings, state, event)
                records += new
                self._savings.note(event, state)
                if isinstance(event, Failed):
                    state, new = self._checked(state, event.trial)
                    records += new
        self._finish(state, records, rows)

    def _is_new(self, row: ReportRow | None) -> bool:
        """Whether a message isn't a report that was delivered before: steps only go up."""
        if row is None:
            return True
        place = (row.attempt, row.step)
        if place <= self._reached.get(row.trial, (0, 0)):
            return False
        self._reached[row.trial] = place
        return True

    def react(self, events: Sequence[Event]) -> None:
        """React to events that no worker sent."""
        state = self.state
        records: list[Record] = []
        for event in events:
            state, new = advance(self._settings, state, event)
            records += new
        self._finish(state, records, [])

    def _checked(self, state: Experiment, name: str) -> tuple[Experiment, list[Record]]:
        """A retry from a damaged checkpoint would only fail again: go back further."""
        trial = state.trials[name]
        records: list[Record] = []
        if trial.restore is None or not trial.is_live:
            return state, records
        for event in self._savings.damage_of([trial.restore.checkpoint], state, self._store):
            state, new = advance(self._settings, state, event)
            records += new
            if isinstance(event, Damaged):
                self._tell(f"{event.checkpoint} is damaged ({event.reason}); going back further")
        return state, records

    def _finish(self, state: Experiment, records: list[Record], rows: list[ReportRow]) -> None:
        for released in release(state):
            state = fold(state, released)
            records.append(released)
        self._slots_seen = self._slot_count()
        held = [view.trial for view in self._executor.running() if view.is_held and view.trial]
        running = [name for name in held if self._may_yield(state, state.trials[name])]
        slot_count = self._slot_count()
        state, placed = place(state, slot_count, running)
        records += placed
        if is_stuck(state, slot_count, running):
            halted = Halted(NO_CHECKPOINTS)
            state = fold(state, halted)
            records.append(halted)
            self.fatal = SettingsError(NO_CHECKPOINTS)
        if records or rows:
            self._commit(records, rows)
        self.state = state
        self._command()
        self._after_commit(records)

    def _commit(self, records: list[Record], rows: list[ReportRow]) -> None:
        """Store; a full disk is waited for, since nobody has been told anything yet."""
        has_waited = False
        while True:
            try:
                self._journal.append(records, rows, self._clock.wall_s())
            except StorageFull as error:  # noqa: PERF203  a loop that ends at once, or waits
                self._space.awaited(str(error), self._clock.now_s())
                has_waited = True
                if self.interrupted():
                    raise
                self._clock.sleep(FULL_RETRY_S)
            else:
                if has_waited:
                    self._space.found()
                self._unkept_count += len(records)
                return

    def _command(self) -> None:
        state, views = self.state, self._executor.running()
        commands = plan(self._settings, state, views)
        if self.interrupted():
            # Not journalled: the next driver ends what was running.
            commands = [Stop(view.slot, view.trial, view.attempt) for view in views if view.trial]
        for command in commands:
            if not (isinstance(command, Continue) and state.is_finished):
                self._executor.do(command)

    def _may_yield(self, state: Experiment, trial: Trial) -> bool:
        """Whether a held member may give its slot away: at a gate, or if its scheduler says so."""
        if trial.slot is None:
            return False
        return trial.is_gated or self._settings.scheduler.may_yield(state, trial)

    def _stopping_all(self) -> list[Event]:
        reason = "" if self.stops is None else self.stops.ends_all()
        return [StoppedAll(reason)] if reason else []

    def _tell(self, text: str) -> None:
        if self.on_notice is not None:
            self.on_notice(text)

    def _slot_count(self) -> int:
        count = self._executor.slot_count
        return count if self.slots_max is None else min(count, self.slots_max)

    def _after_commit(self, records: list[Record]) -> None:
        for record in records:
            if isinstance(record, Released):
                size_bytes = self._savings.forget(record.checkpoints)
                self.trash.add(record.checkpoints, size_bytes)
            elif isinstance(record, Noticed):
                self._notices.append(record)
                self._tell(record.text)
        # A large population costs more to write down.
        if self._unkept_count >= max(self.keep_every, KEEP_PER_TRIAL * len(self.state.trials)):
            self._keep()

    def _keep(self) -> None:
        self._journal.keep(Folded(self.state, self._savings.all(), tuple(self._notices)))
        self._unkept_count = 0

    def _worth_telling(
        self, state: Experiment, events: tuple[Event, ...], message: Message
    ) -> list[Event]:
        """The events, with each notice once in a run, and the driver's own notice first."""
        told: list[Event] = []
        if isinstance(message, Asked) and self._is_bare(state.trials[message.trial], message):
            events = (notice(message.trial, "no-checkpoint", message.trial), *events)
        for event in events:
            if isinstance(event, Noticed):
                key = _notice_key(event)
                if key in self._noticed:
                    continue
                self._noticed.add(key)
            told.append(event)
        return told

    def _is_bare(self, trial: Trial, message: Asked) -> bool:
        """Whether a member that has never had a checkpoint has waited twice its interval."""
        wants = self._settings.scheduler.wants_checkpoints
        if message.checkpoint is not None or trial.restore is not None or not wants:
            return False
        step, total_s = message.step, message.time_total_s
        report = Report(trial.id, trial.attempt, step, total_s, message.observed)
        return not message.observed.get("done") and any(
            reached(report.value(rule.key), rule.at_least) and not rule.needs_checkpoint
            for rule in self._settings.scheduler.rules(trial)
        )

    def _store_late(self, messages: list[Message]) -> None:
        """Keep what was on its way when the run ended.

        A streamed report decides nothing, and its checkpoint is one to go on from. One that waits
        for a verdict is made again in the next session.
        """
        rows: list[ReportRow] = []
        records: list[Record] = []
        state = self.state
        for message in messages:
            translated = translate(self._settings, state, message)
            if translated is None or translated.row is None or not self._is_new(translated.row):
                continue
            rows.append(translated.row)
            for event in translated.events if isinstance(message, Streamed) else ():
                state, new = advance(self._settings, state, event)
                records += new
                self._savings.note(event, state)
        if rows:
            self._commit(records, rows)
            self.state = state


def _never() -> bool:
    return False


def _notice_key(noticed: Noticed) -> tuple[str, str]:
    """What makes two notices the same: those that every trial would cause are told once."""
    by_trial = noticed.code in {"no-checkpoint", "checkpoint-ignored"}
    return noticed.code, "" if by_trial else noticed.text
