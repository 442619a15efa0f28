"""What must hold in every run, checked at each commit, each command and each message.

Nothing here trusts what the driver believes: it follows the committed records by itself.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, cast, final

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Experiment, Record
from pbtune.core.plan import Command, Continue, Start
from pbtune.core.trial import Config, Trial
from pbtune.executors.messages import Asked, Message, Streamed
from pbtune.journal.base import ReportRow
from pbtune.testing.faults import Violation
from pbtune.testing.store import FakeStore

Attempt = tuple[str, int]


@final
class Checks:
    """Watches one run, over all of its drivers.

    Args:
        store: Where its checkpoints are.
        truncation: The share of the population that truncation replaces; None if members are
            replaced by another rule.

    Attributes:
        first: The first promise that was broken; None as long as all hold.
        is_stopping: Whether the driver was asked to stop, so that it may end what runs.
        commit_count: Batches that were committed.
    """

    def __init__(self, store: FakeStore, truncation: float | None = None) -> None:
        self.first: Violation | None = None
        self.is_stopping: Callable[[], bool] = bool
        self.commit_count = 0
        self._store = store
        self._truncation = truncation
        self._failed: set[str] = set()
        self._is_halted = False
        self._running: dict[str, int] = {}
        self._starts: dict[Attempt, d.Started] = {}
        self._told: set[Attempt] = set()
        self._rewound: set[Attempt] = set()
        self._ranks: dict[str, tuple[d.Ranked, Config]] = {}
        self._pin: tuple[d.Ranked, Config] | None = None
        self._configs: dict[str, Config] = {}
        self._saved: set[str] = set()
        self._released: set[str] = set()
        self._rows: dict[tuple[str, int, int], bytes] = {}
        self._heard: dict[Attempt, dict[int, bytes]] = {}
        self._asked: dict[Attempt, int] = {}
        self._acknowledged: dict[tuple[str, int, int], bytes] = {}

    def fail(self, what: str) -> NoReturn:
        """A promise is broken.

        Raises:
            Violation: Always.
        """
        self.first = self.first or Violation(what)
        raise Violation(what)

    def committed(self, records: Sequence[Record], rows: Sequence[ReportRow]) -> None:
        """A batch is in the journal."""
        self.commit_count += 1
        for row in rows:
            self._rows[row.trial, row.attempt, row.step] = row.metrics
        for record in records:
            follow = _FOLLOW.get(type(record))
            if follow is not None:
                follow(self, record)

    def created(self, record: d.Created) -> None:
        """Follow a record; so do the next ones."""
        self._configs[record.trial] = record.config

    def saved(self, record: e.Saved) -> None:
        """A checkpoint is named once, and only when it is whole."""
        name = record.checkpoint
        if name in self._saved:
            self.fail(f"{name} was saved twice")
        self._saved.add(name)
        if name not in self._store.lost and self._store.folders.get(name) != record.digest:
            self.fail(f"{name} is in the journal, and not whole in the store")

    def ranked(self, record: d.Ranked) -> None:
        """Remember what a rank stands for."""
        self._ranks[record.trial] = (record, self._configs[record.trial])

    def pinned(self, record: d.Pinned) -> None:
        """Remember what the pin stands for."""
        self._pin = self._ranks[record.trial]

    def exploited(self, record: d.Exploited) -> None:
        """A copy takes weights, score, config and progress from one ranked report."""
        rank, _ = self._ranks[record.donor]
        _, config = self._ranks[record.config_donor]
        if record.from_pin and self._pin is not None:
            rank, config = self._pin
        taken = (record.checkpoint, record.score, record.step, record.progress)
        ranked = (rank.checkpoint, rank.score, rank.step, rank.progress)
        # NaN isn't equal to itself; only a member that goes on from itself may have it.
        is_other = record.trial != record.donor
        if repr(taken) != repr(ranked) or (is_other and math.isnan(record.score)):
            self.fail(f"{record.trial} takes {taken} from {record.donor}, ranked by {ranked}")
        if record.config["origin"] != config["origin"]:
            who = record.config_donor
            self.fail(f"{record.trial} takes another config than {who} was ranked with")
        operation, _, factor = record.operations.get("lr", "").partition(" ")
        expected = cast("float", config["lr"]) * float(factor or 1.0)
        if operation == "*" and record.config["lr"] != min(max(expected, 0.0), 1.0):
            self.fail(f"{record.trial} has lr {record.config['lr']}, and not {expected}")
        self.replaced(record)
        self.restarted(record)

    def replaced(self, record: d.Exploited | d.Skipped) -> None:
        """Truncation replaces a share of the members, by better ones."""
        trial = record.trial
        if self._truncation is None or trial in self._failed:
            return
        if self._truncation == 0:
            self.fail(f"{trial} should be replaced, and nobody should")
        old = self._ranks[trial][0].score
        if isinstance(record, d.Exploited) and old > record.score:
            self.fail(f"{trial}, ranked by {old}, is replaced by {record.score}")

    def abandoned(self, record: d.Abandoned) -> None:
        """A member has failed for good."""
        self._failed.add(record.trial)
        self.ended(record)

    def restarted(self, record: d.Exploited | d.Restarted) -> None:
        """A member goes on under another config."""
        self._configs[record.trial] = record.config
        self.revived(record)

    def revived(self, record: d.Exploited | d.Restarted | e.Reopened) -> None:
        """A member goes on in another attempt, even if it had failed."""
        self._failed.discard(record.trial)
        self.ended(record)

    def started(self, record: d.Started) -> None:
        """Attempts are numbered without a gap, and one of a trial runs at a time."""
        if record.trial in self._running:
            self.fail(f"{record.trial} is started while attempt {self._running[record.trial]} runs")
        if (record.trial, record.attempt) in self._starts:
            self.fail(f"attempt {record.attempt} of {record.trial} is started twice")
        self._running[record.trial] = record.attempt
        self._starts[record.trial, record.attempt] = record

    def rewound(self, record: e.Rewound) -> None:
        """A trial goes back: what it has just reported doesn't count."""
        if record.trial in self._running:
            self._rewound.add((record.trial, self._running[record.trial]))
        if record.config is not None:
            self._configs[record.trial] = record.config
        self.ended(record)

    def ended(self, record: Any) -> None:  # noqa: ANN401  any record of a trial
        """An attempt is over."""
        self._running.pop(record.trial, None)

    def opened(self, _record: e.Opened) -> None:
        """A new driver: nothing runs, and what was told before is no longer heard."""
        self._running.clear()
        self._told.clear()
        self._is_halted = False

    def halted(self, _record: d.Halted) -> None:
        """What runs may be ended."""
        self._is_halted = True

    def released(self, record: d.Released) -> None:
        """From here on these may be deleted."""
        self._released.update(record.checkpoints)

    def adopted(self, state: Experiment) -> None:
        """A driver's state after a commit: sound, and with everything that it needs there."""
        state.validate()
        for trial in state.trials.values():
            for name in needed(trial):
                self._is_there(name, trial.id)
        if state.pin is not None and state.pin.rank.checkpoint is not None:
            self._is_there(state.pin.rank.checkpoint, "the best ever")

    def _is_there(self, name: str, whose: str) -> None:
        if name in self._released:
            self.fail(f"{name} was released, and {whose} needs it")
        if name not in self._store.folders and name not in self._store.lost:
            self.fail(f"{name} was deleted, and {whose} needs it")

    def told(self, command: Command) -> None:
        """A command goes out: what it follows from has to be in the journal."""
        key = (command.trial, command.attempt)
        is_current = self._running.get(command.trial) == command.attempt
        if isinstance(command, Start):
            started = self._starts.get(key)
            if started is None or not is_current or started.slot != command.slot:
                self.fail(f"attempt {key} is started before its record is committed")
            if key in self._told:
                self.fail(f"attempt {key} is started twice by one driver")
            self._told.add(key)
            if command.config != self._configs[command.trial]:
                self.fail(f"attempt {key} is started with another config than was decided")
        elif isinstance(command, Continue):
            if not is_current:
                self.fail(f"attempt {key} is told to go on, and is over")
            self._acknowledge(key)
        elif is_current and not self._is_halted and not self.is_stopping():
            self.fail(f"attempt {key} is stopped before that is committed")

    def _acknowledge(self, key: Attempt) -> None:
        """The verdict on a report says that it is stored, and all that came before it."""
        for step, metrics in self._heard.get(key, {}).items():
            row = (*key, step)
            if row not in self._rows:
                self.fail(f"step {step} of {key} is acknowledged, and not stored")
            self._acknowledged[row] = metrics

    def verdict(self, trial: str, attempt: int) -> None:
        """A worker that waits is told to leave its function: its report counts all the same."""
        key = (trial, attempt)
        step = self._asked.get(key)
        if step is not None and (*key, step) not in self._rows and key not in self._rewound:
            self.fail(f"step {step} of {key} was judged, and not stored")

    def heard(self, message: Message) -> None:
        """A driver gets a message of an attempt that is not over."""
        if isinstance(message, (Asked, Streamed)):
            key = (message.trial, message.attempt)
            if isinstance(message, Asked):
                self._asked[key] = message.step
            self._heard.setdefault(key, {})[message.step] = message.metrics

    def deleted(self, checkpoint: str) -> None:
        """The driver deletes a checkpoint."""
        if checkpoint not in self._released:
            self.fail(f"{checkpoint} is deleted before its release is committed")

    def idle(self) -> None:
        """The driver has nothing left to do."""
        # What is lost may be there again: an attempt that is being left may take its free number.
        left = sorted(self._released.intersection(self._store.folders) - self._store.lost)
        if left:
            self.fail(f"nobody needs {left}, and an idle driver leaves the files there")

    def loaded(self, start: Start, step: int | None) -> None:
        """A member begins from the weights that its steps are counted from."""
        if start.checkpoint in self._store.lost:
            return
        if step is not None and step != start.step:
            self.fail(f"{start.trial} starts after step {start.step} from weights of step {step}")

    def cannot_load(self, start: Start) -> None:
        """Only a fault of the disk can take away what a start names."""
        if start.checkpoint is not None and start.checkpoint not in self._store.lost:
            self.fail(f"{start.trial} is started from {start.checkpoint}, which is gone")

    def stored(self, rows: Sequence[tuple[ReportRow, int | None]]) -> None:
        """What a reader finds: nothing acknowledged is lost, and no step is there twice."""
        visible: set[tuple[str, int, int]] = set()
        kept: dict[tuple[str, int, int], bytes] = {}
        for row, superseded_by in rows:
            kept[row.trial, row.attempt, row.step] = row.metrics
            if superseded_by is None:
                place = (row.trial, row.segment, row.step)
                if place in visible:
                    self.fail(f"(trial, segment, step) {place} is visible twice")
                visible.add(place)
        for row_key, metrics in self._acknowledged.items():
            if kept.get(row_key) != metrics:
                self.fail(f"the acknowledged report {row_key} is lost")


def needed(trial: Trial) -> set[str]:
    """What law 5 keeps for a trial, said once more and without its own ``pins``."""
    held = {keep.checkpoint for keep in trial.kept}
    point, rank = trial.restore, trial.rank
    held.add("" if point is None else point.checkpoint)
    if trial.is_live:
        held.add(trial.own or "")
        held.add("" if rank is None else rank.checkpoint or "")
    return held - {""}


_FOLLOW: Final = cast(
    "dict[type[Record], Callable[[Checks, Record], None]]",
    {
        d.Created: Checks.created,
        d.Ranked: Checks.ranked,
        d.Pinned: Checks.pinned,
        d.Exploited: Checks.exploited,
        d.Restarted: Checks.restarted,
        d.Started: Checks.started,
        d.Yielded: Checks.ended,
        d.Completed: Checks.ended,
        d.Abandoned: Checks.abandoned,
        d.Skipped: Checks.replaced,
        d.Halted: Checks.halted,
        d.Released: Checks.released,
        e.Saved: Checks.saved,
        e.Failed: Checks.ended,
        e.Closed: Checks.ended,
        e.Reopened: Checks.revived,
        e.Rewound: Checks.rewound,
        e.Opened: Checks.opened,
    },
)
