"""The read model of a run: its records, folded as the driver folds them.

A reader keeps a cursor and folds only what is new, so that looking often costs nothing.
"""

from typing import final

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Experiment
from pbtune.core.fold import fold
from pbtune.core.trial import Config, Trial
from pbtune.journal.base import Entry, Header
from pbtune.journal.reader import JournalReader


class Exploit(msgspec.Struct, frozen=True):
    """One exploit in its place: the record, its number in the journal, and the wall clock."""

    id: int
    at: float
    segment: int
    record: d.Exploited


class Saving(msgspec.Struct, frozen=True):
    """One saved checkpoint, and the segment of its trial that it belongs to."""

    segment: int
    record: e.Saved


@final
class RunView:
    """Everything that readers ask about a run, as of the last ``refresh``.

    Args:
        reader: The run's journal.
        until: Fold no record beyond this id at first; None folds all that there are.

    Attributes:
        header: What was written when the run began.
        experiment: The state that the records fold to.
        configs: The config of each (trial, segment).
        exploits: In order.
        savings: Saved checkpoints by id, deleted ones too.
        starts: The record of each (trial, attempt).
        hosts: The process of each (trial, attempt) that has reported.
        created: The record of each trial.
        founders: Of each (trial, segment), the first member of its lineage.
        failures: Each trial's failures, in order.
        failed_at: The wall clock of each of them, in seconds.
        reasons: Why each ended trial ended.
        notices: What the user was told.
        last_at: The wall clock of the newest record, in seconds.
        settings: What decisions depend on, encoded; those of the last reconfiguration.
        trainable: The function's name.
    """

    def __init__(self, reader: JournalReader, until: int | None = None) -> None:
        self.header: Header = reader.header
        self.experiment = Experiment()
        self.configs: dict[tuple[str, int], Config] = {}
        self.exploits: list[Exploit] = []
        self.savings: dict[str, Saving] = {}
        self.starts: dict[tuple[str, int], d.Started] = {}
        self.hosts: dict[tuple[str, int], e.Hosted] = {}
        self.created: dict[str, d.Created] = {}
        self.founders: dict[tuple[str, int], str] = {}
        self.failures: dict[str, list[e.Failed]] = {}
        self.failed_at: dict[str, list[float]] = {}
        self.reasons: dict[str, str] = {}
        self.notices: list[str] = []
        self.last_at = self.header.created_at
        self.settings = str(self.header.settings.get("engine", ""))
        self.trainable = self.header.trainable
        self._cursor = 0
        self._reader = reader
        self.refresh(until)

    def refresh(self, until: int | None = None) -> bool:
        """Fold what is new.

        Args:
            until: But no record beyond this id.

        Returns:
            Whether there was anything.
        """
        before = self._cursor
        for entry in self._reader.entries(self._cursor):
            if until is not None and entry.id > until:
                break
            self.take(entry)
        return self._cursor != before

    def take(self, entry: Entry) -> None:
        """Fold the next record; only for a reader that looks at each one by itself."""
        self.experiment = fold(self.experiment, entry.record)
        self._note(entry)
        self._cursor, self.last_at = entry.id, entry.at

    def _note(self, entry: Entry) -> None:  # noqa: C901, PLR0912  one case a kind of record
        match entry.record:
            case d.Created() as record:
                self.configs[record.trial, 0] = record.config
                self.created[record.trial] = record
                self.founders[record.trial, 0] = record.trial
            case d.Started() as record:
                self.starts[record.trial, record.attempt] = record
            case d.Exploited() as record:
                segment = self.experiment.trials[record.trial].segment
                self.configs[record.trial, segment] = record.config
                self.founders[record.trial, segment] = self._founder(record)
                self.exploits.append(Exploit(entry.id, entry.at, segment, record))
            case e.Saved() as record:
                segment = self.experiment.trials[record.trial].segment
                self.savings[record.checkpoint] = Saving(segment, record)
            case e.Failed() as record:
                self.failures.setdefault(record.trial, []).append(record)
                self.failed_at.setdefault(record.trial, []).append(entry.at)
            case d.Completed() as record:
                self.reasons[record.trial] = record.reason
            case e.Reopened(trial=trial) | e.Rewound(trial=trial) | d.Restarted(trial=trial):
                now = self.experiment.trials[trial]
                self.configs[trial, now.segment] = now.config
                before = self.founders.get((trial, now.segment - 1), trial)
                anew = isinstance(entry.record, d.Restarted)
                self.founders.setdefault((trial, now.segment), trial if anew else before)
                self.reasons.pop(trial, None)
            case e.Closed() as record:
                self.reasons[record.trial] = record.reason
            case e.Reconfigured() as record:
                self.settings = record.settings or self.settings
                for name, _old, new in record.changes:
                    self.trainable = new if name == "trainable" else self.trainable
            case e.Hosted() as record:
                self.hosts[record.trial, record.attempt] = record
            case e.Noticed() as record:
                self.notices.append(record.text)
            case _:
                pass

    def _founder(self, record: d.Exploited) -> str:
        saving = self.savings.get(record.checkpoint)
        segment = 0 if saving is None else saving.segment
        return self.founders.get((record.donor, segment), record.donor)

    @property
    def trials(self) -> list[Trial]:
        """All members, in their order."""
        return sorted(self.experiment.trials.values(), key=lambda trial: trial.index)

    @property
    def is_ended(self) -> bool:
        """Whether every trial has ended, or the run was halted."""
        return bool(self.experiment.trials) and self.experiment.is_finished
