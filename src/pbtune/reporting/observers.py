"""Observers watch a run from its journal: after the commit, on a thread of their own (law 7).

Whatever an observer does, it can't slow a decision, change it, or stop training. It is told what
was committed, in that order, from a cursor that is stored beside the journal, so that a run that is
taken up again goes on telling where it stopped.
"""

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final, cast, final

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.values import resolved
from pbtune.journal.base import Entry
from pbtune.journal.reader import JournalReader, StoredReport
from pbtune.reporting.backlog import Backlog, Place
from pbtune.reporting.observed import STATUSES, ObservedTrial
from pbtune.reporting.rows import filled
from pbtune.reporting.snapshot import RunView

LOOK_S: Final = 0.25
CURSOR_NAME: Final = "observers.json"
_BOUNDARIES: Final = (
    *(d.Started, d.Yielded, d.Exploited, d.Restarted, d.Completed),
    *(e.Failed, e.Reopened, e.Closed, e.Rewound),
)
"""Records that a trial's reports up to then belong before."""


class Watch(msgspec.Struct, frozen=True):
    """What observers need besides the journal.

    ``on_error`` is told, once, of an observer that raised. ``checkpoint_at`` makes the user's
    checkpoint object of a path. ``objects`` are those that configs refer to, by path. ``name_of``
    gives the name by which a trial is shown.
    """

    on_error: Callable[[str], None]
    checkpoint_at: Callable[[str], object] = str
    objects: Mapping[str, object] = {}
    setup: Mapping[str, object] = {}
    name_of: Callable[[ObservedTrial], str] | None = None


@final
class Observers:
    """Calls the hooks of a run's observers, in Tune's order.

    Args:
        run_dir: The run's folder; its journal exists when ``start`` is called.
        observers: Objects with any of the hooks of ``tune.Callback``; also ``on_look(trials,
            done)``, which is called a few times a second, whether anything happened or not.
        watch: What else they need.
    """

    def __init__(self, run_dir: Path, observers: Sequence[object], watch: Watch) -> None:
        self.failure: BaseException | None = None
        self._run_dir = run_dir
        self._observers = list(observers)
        self._watch = watch
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Set the observers up, and begin to look."""
        if self._observers:
            self.tell("setup", **self._watch.setup)
            self._thread = threading.Thread(
                target=self._guarded, name="pbtune-observers", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Tell what is left, and the end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def check(self) -> None:
        """Raise what an observer with ``stop_on_error`` raised, if one did."""
        if self.failure is not None:
            raise self.failure

    def tell(self, hook: str, **info: object) -> None:
        """Call one hook of every observer that has it; one that raises is asked no more."""
        for observer in list(self._observers):
            self._tell_one(observer, hook, info)

    def _tell_one(self, observer: object, hook: str, info: dict[str, object]) -> None:
        try:
            call = getattr(observer, hook, None)
            if call is not None:
                call(**info)
        # An observer's call: whatever it raises may not stop training.
        except BaseException as error:  # noqa: BLE001
            self._detach(observer, hook, error)

    def _detach(self, observer: object, hook: str, error: BaseException) -> None:
        self._observers = [it for it in self._observers if it is not observer]
        name = getattr(observer, "observed_as", type(observer).__name__)
        if getattr(observer, "stop_on_error", False):
            self.failure = self.failure or error
            return
        self._watch.on_error(
            f"{name} raised {_said(error)} in {hook}(). It is called no more; training goes on."
        )

    def _guarded(self) -> None:
        try:
            with JournalReader(self._run_dir) as reader:
                telling = Telling(self._run_dir, reader, self)
                while not self._stopping.wait(LOOK_S):
                    telling.look()
                    self.tell("on_look", trials=telling.trials(), done=False)
                telling.look()
                self.tell("on_look", trials=telling.trials(), done=True)
                self.tell("on_experiment_end", trials=telling.trials())
        # An observer's call: not even a damaged journal may stop training from here.
        except BaseException as error:  # noqa: BLE001
            self._watch.on_error(f"the run's observers have stopped: {_said(error)}")

    @property
    def watch(self) -> Watch:
        """What was given."""
        return self._watch


@final
class Telling:
    """Reads on from the cursor, and tells what it reads."""

    def __init__(self, run_dir: Path, reader: JournalReader, observers: Observers) -> None:
        self._path = run_dir / CURSOR_NAME
        self._run_dir = run_dir
        self._reader = reader
        self._observers = observers
        self._watch = observers.watch
        self._view = RunView(reader, until=0)
        self._trials: dict[str, ObservedTrial] = {}
        self._before: dict[str, StoredReport] = {}
        self._backlog = Backlog()
        self._ending: set[Place] = set()
        self._iteration = 0
        self._entry_id, self._report_id = self._stored_cursor()
        self._catch_up()

    def look(self) -> None:
        """Tell what has been committed since the last look."""
        before = self._entry_id, self._report_id
        with self._reader.snapshot():
            entries = list(self._reader.entries(self._entry_id))
            newest = self._backlog.add(self._reader.reports(after=self._report_id))
        for _, commit in groupby(entries, key=lambda entry: entry.commit):
            self._step(list(commit))
        if self._backlog:
            self._step([])
        self._report_id = max(newest, self._report_id)
        if (self._entry_id, self._report_id) != before:
            self._store_cursor()

    def trials(self) -> list[ObservedTrial]:
        """All trials in their order; a list of its own, whatever an observer does to it."""
        return list(self._trials.values())

    def _step(self, entries: list[Entry]) -> None:
        trials = self.trials()
        self._observers.tell("on_step_begin", iteration=self._iteration, trials=trials)
        self._ending = _ending(entries)
        for entry in entries:
            self._tell_record(entry)
        if not entries:
            self._tell_reports(self._backlog.all())
        self._iteration += 1
        self._observers.tell("on_step_end", iteration=self._iteration, trials=self.trials())

    def _tell_record(self, entry: Entry) -> None:
        record, backlog = entry.record, self._backlog
        name = getattr(record, "trial", None)
        match record:
            case e.Reported():
                for it in record.reports:
                    self._tell_reports(backlog.until((it.trial, it.attempt, it.step)))
            case e.Saved() as it:
                # Tune tells the result before the checkpoint that came with it.
                self._tell_reports(backlog.until((it.trial, it.attempt, it.step)))
            case _ if isinstance(record, _BOUNDARIES):
                attempt = self._view.experiment.trials[record.trial].attempt
                self._tell_reports(backlog.of(record.trial, attempt))
            case _:
                pass
        self._view.take(entry)
        self._entry_id = entry.id
        self._learn(entry)
        if isinstance(name, str) and name in self._trials:
            self._tell_trial(self._trials[name], entry)

    def _tell_trial(self, trial: ObservedTrial, entry: Entry) -> None:
        match entry.record:
            case d.Started() as record:
                trial.is_redone = record.supersedes
                self._hook("on_trial_start", trial)
                if record.checkpoint is not None:
                    self._hook("on_trial_restore", trial)
            case e.Saved():
                self._hook("on_checkpoint", trial, checkpoint=trial.checkpoint)
                self._hook("on_trial_save", trial)
            case d.Retried():
                self._hook("on_trial_recover", trial)
            case d.Abandoned():
                self._hook("on_trial_error", trial)
            case d.Completed():
                trial.last_result = {**trial.last_result, "done": True}
                self._hook("on_trial_complete", trial)
            case _:
                pass

    def _hook(self, hook: str, trial: ObservedTrial, **info: object) -> None:
        self._observers.tell(
            hook, iteration=self._iteration, trials=self.trials(), trial=trial, **info
        )

    def _tell_reports(self, due: Iterable[StoredReport]) -> None:
        for report in due:
            result = self._filled(report)
            if (report.trial, report.attempt, report.step) in self._ending:
                result["done"] = True
            trial = self._trials[report.trial]
            trial.last_result = result
            self._hook("on_trial_result", trial, result=result)

    def _filled(self, report: StoredReport) -> dict[str, Any]:
        result = filled(self._view, report, self._before.get(report.trial))
        self._before[report.trial] = report
        return self._own(result)

    def _own(self, result: dict[str, object]) -> dict[str, Any]:
        """A row with the user's own objects in its config."""
        config = resolved(result["config"], self._watch.objects)
        return {**result, "config": config}

    def _learn(self, entry: Entry) -> None:
        """Keep the trial that a record is about as the journal has it now."""
        record = entry.record
        if isinstance(record, d.Created):
            trial = self._view.experiment.trials[record.trial]
            seen = ObservedTrial(
                self._run_dir,
                self._view.header.trainable,
                trial,
                record.evaluated,
                self._rows,
            )
            if self._watch.name_of is not None:
                seen.custom_trial_name = self._watch.name_of(seen)
            self._trials[record.trial] = seen
        name = getattr(record, "trial", None)
        observed = self._trials.get(cast("str", name))
        if observed is None:
            return
        trial = self._view.experiment.trials[observed.trial_id]
        observed.status = STATUSES[trial.status]
        observed.config = cast("dict[str, Any]", resolved(trial.config, self._watch.objects))
        observed.num_failures = trial.failures
        observed.parent, observed.copy_count = trial.parent, trial.segment
        if isinstance(record, e.Failed):
            observed.error = f"{record.error}: {record.message}"
        point = trial.restore
        if point is not None:
            observed.checkpoint = self._watch.checkpoint_at(str(self._run_dir / point.checkpoint))

    def _rows(self, trial: str) -> list[dict[str, Any]]:
        told = self._before.get(trial)
        if told is None:
            return []
        rows: list[dict[str, Any]] = []
        before: StoredReport | None = None
        for report in self._reader.reports(trial):
            if report.id <= told.id:
                rows.append(self._own(filled(self._view, report, before)))
                before = report
        return rows

    def _catch_up(self) -> None:
        """Stand where the last session's observers stood, without telling anything again."""
        for entry in self._reader.entries():
            if entry.id > self._entry_id:
                break
            self._view.take(entry)
            self._learn(entry)
        for report in _upto(self._reader.reports(), self._report_id):
            self._trials[report.trial].last_result = self._filled(report)

    def _stored_cursor(self) -> tuple[int, int]:
        if not self._path.exists():
            return 0, 0
        stored = json.loads(self._path.read_text(encoding="utf-8"))
        return int(stored["entry"]), int(stored["report"])

    def _store_cursor(self) -> None:
        new = self._path.with_suffix(".new")
        body = json.dumps({"entry": self._entry_id, "report": self._report_id})
        new.write_text(body, encoding="utf-8")
        os.replace(new, self._path)  # noqa: PTH105  Path.replace would hide that it is atomic


def _said(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    # An observer's call too: an exception's text may itself raise.
    except Exception:  # noqa: BLE001
        return name


def _ending(entries: Sequence[Entry]) -> set[Place]:
    """The reports of one commit that ended their trials; Tune marks them as ``done``."""
    records = [entry.record for entry in entries]
    returned = {record.trial for record in records if isinstance(record, e.Returned)}
    completed = {record.trial for record in records if isinstance(record, d.Completed)}
    newest = {
        it.trial: (it.trial, it.attempt, it.step)
        for record in records
        if isinstance(record, e.Reported)
        for it in record.reports
    }
    return {place for trial, place in newest.items() if trial in completed - returned}


def _upto(reports: Iterable[StoredReport], last: int) -> Iterable[StoredReport]:
    return (report for report in reports if report.id <= last) if last else ()
