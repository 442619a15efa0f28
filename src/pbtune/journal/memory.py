"""A journal that lives as long as its process: for tests and simulations."""

from collections.abc import Iterator, Sequence
from typing import final

from pbtune.core.decisions import Started
from pbtune.core.exact import decode_record, encode_record
from pbtune.core.experiment import Record
from pbtune.journal.base import AbstractJournal, Entry, ReportRow
from pbtune.journal.folded import Folded, decode_folded, encode_folded


@final
class MemoryJournal(AbstractJournal):
    """Keeps what a database would: encoded records, so that both round trips are the same.

    ``rows`` are the reports, each with the attempt that superseded it, or None.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[ReportRow, int | None]] = []
        self._records: list[tuple[int, float, bytes]] = []
        self._commit = 0
        self._kept: tuple[int, bytes] | None = None

    def append(self, records: Sequence[Record], rows: Sequence[ReportRow], at: float) -> int:
        """See the base class."""
        bodies = [encode_record(record) for record in records]
        self._commit += bool(records)
        self.rows += [(row, None) for row in rows]
        self._records += [(self._commit, at, body) for body in bodies]
        for record in records:
            if isinstance(record, Started) and record.supersedes:
                self.rows = [
                    (row, record.attempt if by is None and _is_redone(row, record) else by)
                    for row, by in self.rows
                ]
        return len(self._records) if records else 0

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """See the base class."""
        for at, (commit, wall_s, body) in enumerate(self._records[after:], start=after + 1):
            yield Entry(at, commit, wall_s, decode_record(body))

    def keep(self, folded: Folded) -> None:
        """See the base class."""
        self._kept = (len(self._records), encode_folded(folded))

    def kept(self) -> tuple[int, Folded]:
        """See the base class."""
        if self._kept is None:
            return 0, Folded()
        last, body = self._kept
        return last, decode_folded(body)

    def idle(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to close; the records stay readable."""

    def copy(self) -> "MemoryJournal":
        """What a crash now would leave behind."""
        twin = MemoryJournal()
        twin.rows = list(self.rows)
        twin._records = list(self._records)
        twin._commit, twin._kept = self._commit, self._kept
        return twin


def _is_redone(row: ReportRow, started: Started) -> bool:
    place = (row.trial, row.segment) == (started.trial, started.segment)
    return place and row.step > started.step and row.attempt < started.attempt
