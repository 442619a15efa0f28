"""Taking up a run again: the state from the journal, and what a crash may have left on the disk.

Recorded decisions are folded, never recomputed. Recovering twice, or being killed while recovering,
gives the same: everything that it does is either a record or can be done again.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, final

import msgspec

from pbtune.checkpoints.store import AbstractCheckpointStore, Committed
from pbtune.core.decisions import Released
from pbtune.core.events import Damaged, Event, Noticed, Rewound, Saved
from pbtune.core.experiment import Experiment, Record, with_views
from pbtune.core.fold import fold
from pbtune.core.trial import Trial
from pbtune.journal.base import Entry
from pbtune.journal.folded import Folded, Saving


@final
class Savings:
    """Every saved checkpoint of a run, by id, and what to do when one is damaged."""

    def __init__(self, by_id: Mapping[str, Saving] | None = None) -> None:
        self._by_id: dict[str, Saving] = dict(by_id or {})

    def all(self) -> dict[str, Saving]:
        """Those that nobody has released, by id."""
        return dict(self._by_id)

    def note(self, record: Record, state: Experiment) -> None:
        """Remember a ``Saved``, with the state after it; other records don't matter."""
        if isinstance(record, Saved):
            trial = state.trials[record.trial]
            self._by_id[record.checkpoint] = Saving(record, trial.segment, trial.config)

    def forget(self, checkpoints: Iterable[str]) -> int:
        """Those that nobody needs any more.

        Returns:
            How large they are together, in bytes.
        """
        gone = [self._by_id.pop(name) for name in checkpoints if name in self._by_id]
        return sum(saving.record.bytes for saving in gone)

    def damage_of(
        self, checkpoints: Iterable[str], state: Experiment, store: AbstractCheckpointStore
    ) -> list[Event]:
        """Which of these checkpoints are damaged, and where their trials go back to.

        Reads the files of each of them.
        """
        wrong = self.problems(checkpoints, store)
        events: list[Event] = [Damaged(name, reason) for name, reason in wrong.items()]
        for trial in state.trials.values():
            point = trial.restore
            if trial.is_live and point is not None and point.checkpoint in wrong:
                events.append(self._back(trial, store))
        return events

    def problems(
        self, checkpoints: Iterable[str], store: AbstractCheckpointStore
    ) -> dict[str, str]:
        """What is wrong with the files of these checkpoints; those that are whole are left out."""
        found = {name: store.verify(self._committed(name)) for name in checkpoints}
        return {name: problem for name, problem in found.items() if problem is not None}

    def _committed(self, checkpoint: str) -> Committed:
        it = self._by_id[checkpoint].record
        return Committed(it.checkpoint, it.number, it.bytes, it.file_count, it.digest)

    def _back(self, trial: Trial, store: AbstractCheckpointStore) -> Rewound:
        """The newest whole checkpoint that the trial still has; else the beginning."""
        candidates = [keep.checkpoint for keep in trial.kept]
        if trial.own is not None and trial.own not in candidates:
            candidates.append(trial.own)
        for name in reversed(candidates):
            if store.verify(self._committed(name)) is not None:
                continue
            saving = self._by_id[name]
            it = saving.record
            config = saving.config if saving.segment != trial.segment else None
            return Rewound(trial.id, name, it.step, it.progress, it.time_total_s, config)
        # A copy that has nothing whole left starts anew, under the config that it has.
        return Rewound(trial.id, config=trial.config if trial.segment else None)


class Recovered(msgspec.Struct, frozen=True):
    """What a journal says; ``notices`` are what the user has been told already."""

    state: Experiment = Experiment()
    savings: Savings = msgspec.field(default_factory=Savings)
    notices: tuple[Noticed, ...] = ()


class Kept(Protocol):
    """Where a run can be recovered from: a journal, or a reader of one."""

    def kept(self) -> tuple[int, Folded]:
        """See ``AbstractJournal.kept``."""
        ...

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The records with an id above ``after``, in order."""
        ...


def same(one: Recovered, other: Recovered) -> bool:
    """Whether two recoveries say the same; NaN isn't equal to itself, but looks alike."""
    return _looks(one) == _looks(other)


def _looks(recovered: Recovered) -> str:
    # The order of a view's items says nothing.
    state = with_views(recovered.state)
    return repr((state, sorted(recovered.savings.all().items()), recovered.notices))


def recover(journal: Kept) -> Recovered:
    """Fold a journal: what was kept of it, and what came after that."""
    last, folded = journal.kept()
    return _onwards(folded, journal.entries(last))


def recover_entries(entries: Iterable[Entry], folded: Folded | None = None) -> Recovered:
    """Fold entries of a journal, as a reader gave them: all, or those behind what was kept."""
    return _onwards(folded or Folded(), entries)


def _onwards(folded: Folded, entries: Iterable[Entry]) -> Recovered:
    state, savings = folded.state, Savings(folded.savings)
    notices = list(folded.notices)
    for entry in entries:
        state = fold(state, entry.record)
        savings.note(entry.record, state)
        if isinstance(entry.record, Released):
            savings.forget(entry.record.checkpoints)
        if isinstance(entry.record, Noticed):
            notices.append(entry.record)
    return Recovered(state, savings, tuple(notices))


def damages(recovered: Recovered, store: AbstractCheckpointStore) -> list[Event]:
    """What is wrong with the checkpoints that live trials would go on from, and what follows."""
    needed: dict[str, None] = {}
    for trial in recovered.state.trials.values():
        if trial.is_live:
            needed.update(dict.fromkeys(trial.pins()))
    return recovered.savings.damage_of(needed, recovered.state, store)
