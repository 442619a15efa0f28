"""A journal in memory with everything that can go wrong: a crash around it, a full or broken disk.

Only committed batches survive a crash, as they do with a database.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, final

from pbtune.core.experiment import Record
from pbtune.errors import StorageFull, StorageUnwritable
from pbtune.journal.base import AbstractJournal, Entry, ReportRow
from pbtune.journal.folded import Folded
from pbtune.journal.memory import MemoryJournal
from pbtune.testing.faults import Faults, Violation

ENTRIES_PER_OP: Final = 40
"""A driver that reads the journal can die in the middle of it."""


@final
class FaultyJournal(AbstractJournal):
    """One driver's connection to what is remembered.

    Args:
        memory: What survives this driver.
        faults: What goes wrong.
        on_commit: Told of each batch after it is committed, before the driver learns of it.

    Attributes:
        on_idle: Called when the driver has nothing left to do.
    """

    def __init__(
        self,
        memory: MemoryJournal,
        faults: Faults,
        on_commit: Callable[[Sequence[Record], Sequence[ReportRow]], None],
    ) -> None:
        self._memory = memory
        self._faults = faults
        self._on_commit = on_commit
        self.on_idle: Callable[[], None] | None = None
        self._is_broken = False

    def append(self, records: Sequence[Record], rows: Sequence[ReportRow], at: float) -> int:
        """See the base class."""
        self._faults.op("append")
        options = self._faults.options
        if self._is_broken:
            what = "the driver writes to a journal whose last write has failed"
            raise Violation(what)
        if self._faults.happens(options.full):
            message = "The disk is full."
            raise StorageFull(message)
        fails = self._faults.happens(options.broken)
        # After a failed flush nobody knows whether the batch is on the disk.
        if not (fails and self._faults.rng.random() < 0.5):  # noqa: PLR2004  a coin
            last = self._memory.append(records, rows, at)
            self._on_commit(records, rows)
        else:
            last = 0
        if fails:
            self._is_broken = True
            message = "The disk can't be written any more."
            raise StorageUnwritable(message)
        self._faults.op("appended")
        return last

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """See the base class."""
        for number, entry in enumerate(self._memory.entries(after)):
            if number % ENTRIES_PER_OP == 0:
                self._faults.op("entries")
            yield entry

    def keep(self, folded: Folded) -> None:
        """See the base class."""
        self._faults.op("keep")
        self._memory.keep(folded)
        self._faults.op("kept")

    def kept(self) -> tuple[int, Folded]:
        """See the base class."""
        return self._memory.kept()

    def idle(self) -> None:
        """See the base class."""
        self._faults.op("idle")
        if self.on_idle is not None:
            self.on_idle()

    def close(self) -> None:
        """See the base class."""
        self._faults.op("close journal")
