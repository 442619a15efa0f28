"""The only loop: drain, fence, fold, decide, commit, adopt, plan, tell.

    wait ─► messages ─► translate ─► advance ─► place ─► journal.append ─► adopt ─► plan ─► do

Everything up to ``append`` is a proposal: if the commit fails, nothing has happened and nobody has
been told.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, final

from pbtune.checkpoints.store import AbstractCheckpointStore
from pbtune.core.decide import advance
from pbtune.core.decisions import Released
from pbtune.core.events import Event, Noticed, Opened
from pbtune.core.experiment import Experiment, Record, fold
from pbtune.core.plan import Continue, place, plan
from pbtune.core.retention import release
from pbtune.core.settings import Settings
from pbtune.driver.clock import AbstractClock
from pbtune.driver.translate import notice, translate
from pbtune.executors.base import AbstractExecutor
from pbtune.executors.messages import Asked, Errored, Message
from pbtune.journal.base import AbstractJournal, ReportRow

WAIT_S: Final = 1.0
CLOSE_GRACE_S: Final = 10.0
TRASH_COUNT_MAX: Final = 64
"""Deletions are left for idle moments until this many wait."""


@final
class Driver:
    """Connects a journal, an executor and the core.

    Args:
        settings: What decisions depend on.
        journal: Where they are committed; the driver is its only writer.
        executor: What carries them out.
        store: Where released checkpoints are deleted.
        clock: The time, for people.
        state: What the journal says so far.
    """

    def __init__(
        self,
        settings: Settings,
        journal: AbstractJournal,
        executor: AbstractExecutor,
        store: AbstractCheckpointStore,
        clock: AbstractClock,
        state: Experiment,
    ) -> None:
        self.state = state
        self.fatal: Errored | None = None
        self.on_notice: Callable[[str], None] | None = None
        self.slots_max: int | None = None
        self._settings = settings
        self._journal = journal
        self._executor = executor
        self._store = store
        self._clock = clock
        self._trash: deque[str] = deque()
        self._noticed: set[tuple[str, str]] = set()

    def run(self) -> Experiment:
        """Train until every trial has ended or the run is halted.

        Returns:
            The final state.
        """
        self._executor.open(self.turn)
        try:
            self.react([Opened(self.state.session + 1)], [])
            while not self.state.is_finished:
                messages = self._executor.wait(0.0 if self._trash else WAIT_S)
                if messages:
                    self.turn(messages)
                elif self._trash:
                    self._store.delete(self._trash.popleft())
                else:
                    self._journal.idle()
        finally:
            # On the way out by an exception too: no worker may outlive its driver.
            late = self._executor.close(CLOSE_GRACE_S)
        self._store_late(late)
        while self._trash:
            self._store.delete(self._trash.popleft())
        return self.state

    def turn(self, messages: list[Message]) -> None:
        """React to what has arrived."""
        events: list[Event] = []
        rows: list[ReportRow] = []
        records: list[Record] = []
        state = self.state
        for message in messages:
            translated = translate(self._settings, state, message)
            if translated is None:
                continue
            if isinstance(message, Errored) and message.fatal:
                self.fatal = message
            if translated.row is not None:
                rows.append(translated.row)
            events = self._worth_telling(translated.events, message)
            for event in events:
                state, new = advance(self._settings, state, event)
                records += new
        self._finish(state, records, rows)

    def react(self, events: list[Event], rows: list[ReportRow]) -> None:
        """React to events that no worker sent."""
        state = self.state
        records: list[Record] = []
        for event in events:
            state, new = advance(self._settings, state, event)
            records += new
        self._finish(state, records, rows)

    def _finish(self, state: Experiment, records: list[Record], rows: list[ReportRow]) -> None:
        for released in release(state):
            state = fold(state, released)
            records.append(released)
        held = [view.trial for view in self._executor.running() if view.is_held and view.trial]
        running = [name for name in held if state.trials[name].slot is not None]
        state, placed = place(state, self._slot_count(), running)
        records += placed
        if records or rows:
            self._journal.append(records, rows, self._clock.wall_s())
        self.state = state
        for command in plan(self._settings, state, self._executor.running()):
            if not (isinstance(command, Continue) and state.is_finished):
                self._executor.do(command)
        self._after_commit(records)

    def _slot_count(self) -> int:
        count = self._executor.slot_count
        return count if self.slots_max is None else min(count, self.slots_max)

    def _after_commit(self, records: list[Record]) -> None:
        for record in records:
            if isinstance(record, Released):
                self._trash.extend(record.checkpoints)
            elif isinstance(record, Noticed) and self.on_notice is not None:
                self.on_notice(record.text)
        while len(self._trash) > TRASH_COUNT_MAX:
            self._store.delete(self._trash.popleft())

    def _worth_telling(self, events: tuple[Event, ...], message: Message) -> list[Event]:
        """The events, with each notice once in a run, and the driver's own notice first."""
        told: list[Event] = []
        if isinstance(message, Asked) and self._is_bare(message):
            events = (notice(message.trial, "no-checkpoint", message.trial), *events)
        for event in events:
            if isinstance(event, Noticed):
                by_trial = event.code in {"no-checkpoint", "checkpoint-ignored"}
                key = (event.code, "" if by_trial else event.text)
                if key in self._noticed:
                    continue
                self._noticed.add(key)
            told.append(event)
        return told

    def _is_bare(self, message: Asked) -> bool:
        """Whether a member blocks for its interval and has never had a checkpoint."""
        trial = self.state.trials[message.trial]
        if message.checkpoint is not None or trial.restore is not None:
            return False
        report_rules = self._settings.scheduler.rules(trial)
        return bool(report_rules) and not message.observed.get("done")

    def _store_late(self, messages: list[Message]) -> None:
        """Reports that were on their way when the run ended are kept, and decide nothing."""
        rows: list[ReportRow] = []
        for message in messages:
            translated = translate(self._settings, self.state, message)
            if translated is not None and translated.row is not None:
                rows.append(translated.row)
        if rows:
            self._journal.append([], rows, self._clock.wall_s())
