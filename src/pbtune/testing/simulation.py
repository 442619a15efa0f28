"""One seed: the production driver, with everything around it simulated.

    Driver · recover · core            the code under test, as it ships
    FaultyJournal · FakeStore · SimulatedExecutor · VirtualClock        its world

Safety phase: things go wrong, and the checks watch. Liveness phase: nothing goes wrong any more,
and the run has to end within a bounded time.
"""

import traceback
from collections.abc import Iterable, Sequence
from typing import Final, cast, final

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Experiment, Record, with_views
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.settings import Settings
from pbtune.core.trial import Status, Trial
from pbtune.core.verify import RecordedCalls, verify
from pbtune.driver.loop import Driver
from pbtune.driver.recover import Recovered, damages, recover, recover_entries, same
from pbtune.driver.stops import AbstractStops
from pbtune.errors import StorageUnwritable
from pbtune.journal.base import Entry, ReportRow
from pbtune.journal.memory import MemoryJournal
from pbtune.testing.checks import Checks
from pbtune.testing.clock import VirtualClock
from pbtune.testing.executor import SimulatedExecutor
from pbtune.testing.faults import Crash, Faults
from pbtune.testing.journal import FaultyJournal
from pbtune.testing.options import Options, extended, settings_of
from pbtune.testing.store import FakeStore
from pbtune.testing.workers import World

OPS_MAX: Final = 60_000
REOPENINGS_MAX: Final = 2
KEEP_EVERY: Final = 30
"""Records; few, so that many a driver begins with what another one kept."""


class Outcome(msgspec.Struct, frozen=True):
    """How one simulated run went.

    ``violation`` is None if every promise held; ``trace`` is where it was broken. ``liveness`` is
    the share of the allowed time that the liveness phase took.
    """

    options: Options
    violation: str | None
    trace: str
    ops: int
    sessions: int
    commits: int
    died_at: tuple[str, ...]
    liveness: float
    records: tuple[Record, ...]


@final
class StepStops(AbstractStops):
    """A stopper of the user's: ends each trial at a step."""

    def __init__(self, end_step: int) -> None:
        self._end_step = end_step

    def ends(self, trial: Trial, row: ReportRow) -> str:
        """See the base class."""
        del trial
        return "enough" if row.step >= self._end_step else ""

    def ends_all(self) -> str:
        """Never."""
        return ""


@final
class Simulation:
    """One run, over as many drivers as it takes.

    Args:
        options: What a seed expanded to.
        scheduler: Another scheduler than the options name.
    """

    def __init__(self, options: Options, scheduler: AbstractScheduler | None = None) -> None:
        self.options = options
        self._first_options = options
        self.journal = MemoryJournal()
        self._scheduler = scheduler
        self._clock = VirtualClock()
        self._faults = Faults(options, self._clock)
        self._store = FakeStore(self._faults)
        is_truncation = scheduler is None and options.selection == "truncation"
        self._checks = Checks(self._store, options.quantile if is_truncation else None)
        self._store.on_delete = self._checks.deleted
        self._calm_since_s: float | None = None
        self._calm_s = 0.0
        self._session_count = 0
        self._reopening_count = 0
        self._driver: Driver | None = None
        self._looked_at = -1
        self._held: Experiment | None = None

    def run(self) -> Outcome:
        """From the first driver to the end."""
        violation, trace = None, ""
        records: tuple[Record, ...] = ()
        # The boundary of the code under test: whatever it raises is a finding.
        try:
            self._live()
            records = self._check_end()
        except Exception as error:  # noqa: BLE001
            found = self._checks.first or error
            violation = f"{type(found).__name__}: {found}"
            trace = "".join(traceback.format_exception(found))
            records = tuple(entry.record for entry in self.journal.entries())
        return Outcome(
            options=self.options,
            violation=violation,
            trace=trace,
            ops=self._faults.op_count,
            sessions=self._session_count,
            commits=self._checks.commit_count,
            died_at=tuple(self._faults.died_at),
            liveness=self._calm_s / self._bound_s,
            records=records,
        )

    def _live(self) -> None:
        while True:
            self._session_count += 1
            self._driver = None
            try:
                state = self._session()
            except (Crash, StorageUnwritable):
                state = None
            self._faults.revive()
            self._checks.stored(self.journal.rows)
            if state is not None and state.is_finished:
                return

    def _session(self) -> Experiment:
        """What a process does that takes up the run, up to its end or its death."""
        journal = FaultyJournal(self.journal, self._faults, self._checks.committed)
        journal.on_idle = self._checks.idle
        recovered = recover(journal)
        self._check_kept(recovered)
        self._check_state(recovered.state)
        self._store.sweep(recovered.state.references)
        damaged = damages(recovered, self._store)
        asked = self._asked_for(recovered.state)
        world = World(self.options, self._faults, self._store, self._checks)
        executor = SimulatedExecutor(world, self.options.slots, self._look, self._check_time)
        settings = settings_of(self.options, self._scheduler)
        driver = Driver(settings, journal, executor, self._store, self._clock, recovered)
        driver.interrupted = self._faults.interrupts
        driver.keep_every = KEEP_EVERY
        if self.options.end == "stopper":
            driver.stops = StepStops(self.options.end_step)
        self._checks.is_stopping = self._faults.interrupts
        self._driver = driver
        return driver.run([*asked, *damaged])

    def _asked_for(self, state: Experiment) -> list[e.Event]:
        """What a person asks for when they take up the run again."""
        events: list[e.Event] = []
        if self._session_count == 1 or not state.trials:
            return events
        if self._first_options.extends:
            self.options, change = extended(self._first_options)
            # Once more if the driver died before it was stored.
            stored = (entry.record for entry in self.journal.entries())
            if not any(isinstance(record, e.Reconfigured) for record in stored):
                events.append(change)
        failed = [trial.id for trial in state.trials.values() if trial.status is Status.FAILED]
        if self.options.reopens and failed and self._reopening_count < REOPENINGS_MAX:
            self._reopening_count += 1
            events += [e.Reopened(name, from_nothing=len(failed) > 1) for name in failed]
        return events

    def _look(self) -> None:
        """Check what the driver holds, once after each commit."""
        if self._driver is not None and self._looked_at != self._checks.commit_count:
            self._looked_at = self._checks.commit_count
            self._held = self._driver.state
            self._checks.adopted(self._held)

    @property
    def _bound_s(self) -> float:
        """How long a run may take in which nothing goes wrong any more."""
        rounds = -(-self.options.population // self.options.slots)
        return 60.0 + 8.0 * self.options.end_step * rounds

    def _check_time(self) -> None:
        if self._faults.op_count > OPS_MAX:
            self._checks.fail(f"the run is not at its end after {OPS_MAX} operations")
        if not self._faults.are_over:
            self._calm_since_s = None
            return
        if self._calm_since_s is None:
            self._calm_since_s = self._clock.at_s
        self._calm_s = self._clock.at_s - self._calm_since_s
        if self._calm_s > self._bound_s:
            self._checks.fail(
                f"nothing goes wrong any more, and the run is not at its end after"
                f" {self._bound_s:.0f} s"
            )

    def _check_end(self) -> tuple[Record, ...]:
        """What is left behind by a run that is over; its records."""
        assert self._driver is not None  # noqa: S101  a run has had a driver
        state = self._driver.state
        entries = list(self.journal.entries())
        self._check_state(recover_entries(entries).state)
        self._checks.adopted(state)
        self._check_files(state, entries)
        self._check_decisions(entries)
        return tuple(entry.record for entry in entries)

    def _check_kept(self, recovered: Recovered) -> None:
        """What was kept folded, and what came after, is what all records fold to."""
        whole = recover_entries(self.journal.entries())
        for part in (recovered, whole):
            part.state.validate()
        if not same(recovered, whole):
            self._checks.fail("what was kept folded isn't what the records fold to")

    def _check_state(self, recovered: Experiment) -> None:
        """What the journal says is what its last driver held, if nothing was committed since."""
        held = self._held
        if held is None or self._looked_at != self._checks.commit_count or recovered == held:
            return
        # NaN isn't equal to itself, but looks alike.
        if repr(with_views(recovered)) != repr(with_views(held)):
            self._checks.fail("the journal says something else than its driver")

    def _check_files(self, state: Experiment, entries: Iterable[Entry]) -> None:
        known = {*state.references, *self._store.lost}
        committed = {
            entry.record.checkpoint for entry in entries if isinstance(entry.record, e.Saved)
        }
        left = sorted(name for name in self._store.folders if name in committed - known)
        if left:
            self._checks.fail(f"nobody needs {left}, and the files are still there")

    def _check_decisions(self, entries: Iterable[Entry]) -> None:
        calls = RecordedCalls()

        def recomputing(options: Options) -> Settings:
            made = settings_of(options, self._scheduler)
            objective = msgspec.structs.replace(made.objective, user_calls=calls)
            return msgspec.structs.replace(made, objective=objective)

        _, _, difference = verify(
            recomputing(self._first_options),
            ((entry.id, entry.record) for entry in entries),
            calls,
            lambda text: recomputing(msgspec.json.decode(text, type=Options)),
        )
        if difference is not None:
            self._checks.fail(f"a decision is not what would be decided again: {difference}")


def decision_log(records: Iterable[Record]) -> dict[str, list[str]]:
    """The scheduler's decisions by trial, as text, without attempts, slots and times.

    Checkpoints are named by what they hold: their numbers depend on how often somebody died.
    """
    log: dict[str, list[str]] = {}
    holds: dict[str | None, str] = {None: "nothing"}
    for record in records:
        if isinstance(record, e.Saved):
            holds[record.checkpoint] = record.digest
        elif isinstance(record, d.SCHEDULER_KINDS):
            told = record
            if isinstance(told, (d.Ranked, d.Exploited)):
                told = cast(
                    "d.Ranked | d.Exploited",
                    msgspec.structs.replace(
                        told, checkpoint=holds[told.checkpoint], time_total_s=0.0
                    ),
                )
            log.setdefault(getattr(told, "trial", "the gate"), []).append(repr(told))
    return log


def first_difference(ours: Sequence[Record], theirs: Sequence[Record]) -> str | None:
    """Where two decision logs part; None if they are equal."""
    left, right = decision_log(ours), decision_log(theirs)
    for trial in sorted({*left, *right}):
        mine, other = left.get(trial, []), right.get(trial, [])
        for at in range(max(len(mine), len(other))):
            one = mine[at] if at < len(mine) else "nothing more"
            two = other[at] if at < len(other) else "nothing more"
            if one != two:
                return f"{trial}, decision {at}: {one}, but without faults {two}"
    return None


def simulate(options: Options, scheduler: AbstractScheduler | None = None) -> Outcome:
    """One run; and where its decisions must not depend on faults, the same one without any."""
    outcome = Simulation(options, scheduler).run()
    if outcome.violation is not None or not options.is_comparable or options.calm == options:
        return outcome
    calm = Simulation(options.calm, scheduler).run()
    if calm.violation is not None:
        return calm
    difference = first_difference(outcome.records, calm.records)
    if difference is None:
        return outcome
    return msgspec.structs.replace(outcome, violation=f"Difference: {difference}")
