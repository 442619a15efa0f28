"""What a person wants to know of a run now: the model behind the terminal and the notebook.

Looking is cheap: records are folded once, and of reports only each member's newest is read.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final, final

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.exact import decode_metrics
from pbtune.core.story import changes
from pbtune.core.trial import ENDED, Config, Status, Trial
from pbtune.journal.base import Entry
from pbtune.journal.reader import JournalReader
from pbtune.reporting.concerns import concerns
from pbtune.reporting.lineage import number
from pbtune.reporting.snapshot import Exploit, RunView

EXPLOITS_SHOWN: Final = 3
RECENT: Final = 8
"""The members of so many last exploits count as recently changed."""
RATE_S: Final = 30.0
_HISTORY_MAX: Final = 256


class Member(msgspec.Struct, frozen=True):
    """One member's row. ``score`` is as it was reported, NaN if there is none.

    ``is_recent``: one of the last exploits was its own.
    """

    id: str
    index: int
    status: Status
    step: int
    score: float
    config: Config
    parent: str | None
    failures: int
    is_recent: bool


class Look(msgspec.Struct, frozen=True):
    """A run at one moment.

    ``members`` are in their order of rank: the best first, those with a score that is NaN behind
    all numbers, those without a report last. ``elapsed_s`` counts the time in which a driver was at
    work. ``share`` of the work is done, in [0, 1], and ``left_s`` remain; None where no stop rule
    says. ``rate`` is in reports/s, NaN until it is known. ``history`` is the best ranked score so
    far, from the beginning on. ``halted`` says why the run stopped before its end.
    """

    name: str
    metric: str | None
    mutated: tuple[str, ...]
    elapsed_s: float
    report_count: int
    exploit_count: int
    counts: dict[Status, int]
    members: tuple[Member, ...]
    slots_used: int
    slot_count: int
    rate: float
    share: float | None
    left_s: float | None
    history: tuple[float, ...]
    exploits: tuple[str, ...]
    warnings: tuple[str, ...]
    is_ended: bool
    halted: str | None = None

    @property
    def best(self) -> Member | None:
        """The member with the best last score; None if nothing can be compared."""
        first = self.members[0] if self.members else None
        return None if first is None or math.isnan(first.score) else first


class _Newest(msgspec.Struct, frozen=True):
    """A member's newest report."""

    id: int
    segment: int
    step: int
    score: float


@final
class Population:
    """Follows a run.

    Args:
        reader: The run's journal.
        clock: Seconds that only grow; for the rate of reports.
    """

    def __init__(self, reader: JournalReader, clock: Callable[[], float] = time.monotonic) -> None:
        self.view = RunView(reader, until=0)
        self._reader = reader
        self._clock = clock
        self._cursor = 0
        self._report_count = 0
        self._newest: dict[str, _Newest] = {}
        self._best = -math.inf
        self._history: list[float] = []
        self._stride = 1
        self._ranked_count = 0
        self._slot_count = 0
        self._seen: deque[tuple[float, int]] = deque()
        self._session_at = self.view.header.created_at
        self._earlier_s = 0.0
        self.refresh()

    def refresh(self) -> bool:
        """Read what is new.

        Returns:
            Whether there was anything.
        """
        before = self._cursor, self._report_count
        with self._reader.snapshot():
            for entry in self._reader.entries(self._cursor):
                self._note(entry)
                self.view.take(entry)
                self._cursor = entry.id
            self._report_count = self._reader.report_count()
            is_new = before != (self._cursor, self._report_count)
            if is_new:
                self._read_scores()
        now = self._clock()
        self._seen.append((now, self._report_count))
        while len(self._seen) > 2 and now - self._seen[1][0] > RATE_S:  # noqa: PLR2004  a pair
            self._seen.popleft()
        return is_new

    def _note(self, entry: Entry) -> None:
        record = entry.record
        if isinstance(record, e.Opened) and self._cursor:
            # What is between two drivers is nobody's training.
            self._earlier_s += max(0.0, self.view.last_at - self._session_at)
            self._session_at = entry.at
        elif isinstance(record, d.Started):
            self._slot_count = max(self._slot_count, record.slot + 1)
        elif isinstance(record, d.Ranked) and not math.isnan(record.score):
            self._best = max(self._best, record.score)
            if self._ranked_count % self._stride == 0:
                self._history.append(self._best)
            self._ranked_count += 1
            if len(self._history) > _HISTORY_MAX:
                self._history = self._history[::2]
                self._stride *= 2

    def _read_scores(self) -> None:
        metric = self.view.header.metric
        for trial, report in self._reader.last_reports().items():
            known = self._newest.get(trial)
            if known is None or known.id != report.id:
                score = math.nan if metric is None else number(report.metrics(), metric)
                self._newest[trial] = _Newest(report.id, report.segment, report.step, score)

    def look(self, now: float | None = None) -> Look:
        """The run as of the last ``refresh``.

        Args:
            now: The wall clock in seconds, if a driver is at work; else time ends with the newest
                record.
        """
        view = self.view
        sign = -1 if view.header.mode == "min" else 1
        recent = {it.record.trial for it in view.exploits[-RECENT:]}
        members = sorted(
            (self._member(trial, recent) for trial in view.trials), key=lambda it: _order(it, sign)
        )
        counts = dict.fromkeys(Status, 0)
        for member in members:
            counts[member.status] += 1
        rate = self._rate()
        share, left = self._progress()
        is_ended = view.is_ended
        end_at = view.last_at if now is None or is_ended else now
        return Look(
            name=view.header.name,
            metric=view.header.metric,
            mutated=view.header.mutated,
            elapsed_s=self._earlier_s + max(0.0, end_at - self._session_at),
            report_count=self._report_count,
            exploit_count=len(view.exploits),
            counts={status: count for status, count in counts.items() if count},
            members=tuple(members),
            slots_used=len(view.experiment.slots),
            slot_count=self._slot_count,
            rate=rate,
            share=share,
            left_s=left / rate if left is not None and rate > 0 and not is_ended else None,
            history=self._told_history(sign),
            exploits=tuple(exploit_line(view, it) for it in view.exploits[-EXPLOITS_SHOWN:]),
            warnings=tuple(concerns(view, {it.id: it.score for it in members if it.step > 0})),
            is_ended=is_ended,
            halted=view.experiment.halted,
        )

    def _told_history(self, sign: int) -> tuple[float, ...]:
        ends = [] if math.isinf(self._best) else [self._best]
        return tuple(sign * score for score in [*self._history, *ends])

    def _member(self, trial: Trial, recent: set[str]) -> Member:
        newest = self._newest.get(trial.id)
        return Member(
            trial.id,
            trial.index,
            trial.status,
            self._step(trial),
            math.nan if newest is None else newest.score,
            trial.config,
            trial.parent,
            trial.failures,
            trial.id in recent,
        )

    def _step(self, trial: Trial) -> int:
        """How far a trial is: its records don't tell of each report."""
        newest = self._newest.get(trial.id)
        is_current = newest is not None and newest.segment == trial.segment
        return max(trial.step, newest.step) if newest is not None and is_current else trial.step

    def _rate(self) -> float:
        """Reports a second: of the last half minute; at the first look of the whole run."""
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        if last_s - first_s >= 1.0:
            return (last - first) / (last_s - first_s)
        whole_s = self.view.last_at - self.view.header.created_at
        return self._report_count / whole_s if whole_s > 0 else math.nan

    def _progress(self) -> tuple[float | None, float | None]:
        """(share done, reports left), by the stop rule on training_iteration."""
        target = stop_step(self.view.settings)
        trials = self.view.experiment.trials.values()
        if target is None or not trials:
            return None, None
        left = sum(max(0.0, target - self._step(it)) for it in trials if it.status not in ENDED)
        return 1 - left / (target * len(trials)), left


def _order(member: Member, sign: int) -> tuple[bool, bool, float, int]:
    """The best first, NaN behind, those without a report last; ties by number."""
    is_nan = math.isnan(member.score)
    is_new = is_nan and member.step == 0
    return is_new, is_nan, 0.0 if is_nan else -sign * member.score, member.index


def stop_step(settings: str) -> float | None:
    """The step at which a run's stop rules end every trial; None if none is on steps."""
    if not settings:
        return None
    engine = decode_metrics(settings).get("settings")
    stop = engine.get("stop") if isinstance(engine, dict) else None
    bounds = stop.get("bounds") if isinstance(stop, dict) else None
    if isinstance(bounds, (list, tuple)):
        for bound in bounds:
            if isinstance(bound, (list, tuple)) and bound[0] == "training_iteration":
                value = bound[1]
                return float(value) if isinstance(value, (int, float)) and value > 0 else None
    return None


def exploit_line(view: RunView, exploit: Exploit) -> str:
    """An exploit as "t3 ← t7  lr 0.004 → 0.0048": from the donor's values to the copy's."""
    record = exploit.record
    saving = view.savings.get(record.checkpoint)
    segment = 0 if saving is None else saving.segment
    # Weights and hyperparameters may have two donors: then the old ones are the member's own.
    same = record.config_donor == record.donor
    old = view.configs.get((record.donor, segment)) if same else None
    told = changes(record.old_config if old is None else old, record.config, digits=4)
    source = record.donor if same else f"{record.donor} (config of {record.config_donor})"
    return f"{record.trial} ← {source}  {', '.join(told) or 'the same config'}"
