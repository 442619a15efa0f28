"""What every reader opens: the journal, read-only, while its driver may be writing."""

import json
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.core.exact import decode_metrics
from pbtune.errors import RunUnreadable
from pbtune.journal.base import Entry
from pbtune.journal.folded import Folded
from pbtune.journal.sqlite import check_format, read_entries, read_kept, readable

DATABASE: Final = "run.db"
_COLUMNS: Final = (
    "id, trial, attempt, segment, step, time_total_s, timestamp, metrics, checkpoint, superseded_by"
)
_TABLE_COUNT: Final = 2
_BUSY_S: Final = 5.0
_PRAGMAS: Final = ("query_only=ON", "trusted_schema=OFF", "cell_size_check=ON")
"""A run may come from a stranger: what its schema says is run with no more rights than its rows."""


class StoredReport(msgspec.Struct, frozen=True):
    """One row of the table of reports; see ``ReportRow``."""

    id: int
    trial: str
    attempt: int
    segment: int
    step: int
    time_total_s: float
    timestamp: float
    body: str
    checkpoint: str | None
    superseded_by: int | None

    def metrics(self) -> dict[str, object]:
        """What the user reported, nested as it was."""
        return decode_metrics(self.body)


@final
class JournalReader:
    """A run's journal, read-only; it can't disturb training. A context manager.

    Raises:
        RunUnreadable: If the folder has no journal, or one that this version can't read.
    """

    def __init__(self, run_dir: Path) -> None:
        path = run_dir / DATABASE
        if not path.is_file():
            message = f"{run_dir} is no run of pbtune: it has no {DATABASE}"
            raise RunUnreadable(message)
        # immutable=0: the driver may be writing; a WAL is read through its shared memory.
        uri = f"{path.absolute().as_uri()}?mode=ro"
        self._path = path
        with readable(path), ExitStack() as undo:
            self._connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, timeout=_BUSY_S, check_same_thread=False
            )
            undo.callback(self.close)
            for pragma in _PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}")
            self.header = check_format(self._connection, path)
            self._check_tables()
            undo.pop_all()

    def _check_tables(self) -> None:
        """A view or a virtual table in their place would be a program of a stranger's."""
        query = (
            "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            " AND name IN ('events', 'reports') AND sql LIKE 'CREATE TABLE%'"
        )
        (count,) = self._connection.execute(query).fetchone()
        if count != _TABLE_COUNT:
            message = f"{self._path} has other tables than a run of pbtune"
            raise RunUnreadable(message)

    def __enter__(self) -> "JournalReader":
        """Itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def snapshot(self) -> Generator[None, None, None]:
        """What is read inside is of one moment, while the driver goes on writing."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[object, ...]]:
        """What a query of ``pbtune.journal`` gives; SQL is written nowhere else."""
        with readable(self._path):
            yield from self._connection.execute(query, values)

    def kept(self) -> tuple[int, Folded]:
        """See ``AbstractJournal.kept``."""
        with readable(self._path):
            return read_kept(self._connection)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The records with an id above ``after``, in order."""
        with readable(self._path):
            yield from read_entries(self._connection, after)

    def reports(
        self, trial: str | None = None, *, superseded: bool = False, after: int = 0
    ) -> Iterator[StoredReport]:
        """Reports in the order in which they were stored, each step of a segment once.

        Args:
            trial: Of this trial only.
            superseded: Also those whose step was done again after a crash.
            after: Of those with a higher id only.
        """
        query = f"SELECT {_COLUMNS} FROM reports WHERE id > ?"  # noqa: S608  constants only
        values: list[object] = [after]
        if trial is not None:
            query += " AND trial = ?"
            values.append(trial)
        if not superseded:
            query += " AND superseded_by IS NULL"
        with readable(self._path):
            for row in self._connection.execute(f"{query} ORDER BY id", values):
                yield StoredReport(*row)

    def last_reports(self, trials: Sequence[str] | None = None) -> dict[str, StoredReport]:
        """Each trial's newest report; trials without one are left out.

        Args:
            trials: Only of these.
        """
        # An index gives all trials without a look at their many reports: the next one each time.
        source = (
            "WITH RECURSIVE asked (trial) AS ("
            " SELECT min(trial) FROM reports UNION ALL"
            " SELECT (SELECT min(trial) FROM reports r WHERE r.trial > asked.trial)"
            " FROM asked WHERE asked.trial IS NOT NULL)"
            if trials is None
            else "WITH asked (trial) AS (SELECT value FROM json_each(?))"
        )
        query = (
            f"{source} SELECT {_COLUMNS} FROM reports WHERE id IN ("  # noqa: S608  constants only
            " SELECT (SELECT r.id FROM reports r"
            "  WHERE r.trial = asked.trial AND r.superseded_by IS NULL"
            "  ORDER BY r.segment DESC, r.step DESC LIMIT 1)"
            " FROM asked)"
        )
        values = () if trials is None else (json.dumps(trials),)
        with readable(self._path):
            rows = [StoredReport(*row) for row in self._connection.execute(query, values)]
        return {row.trial: row for row in rows}

    def last_report(self, trial: str) -> StoredReport | None:
        """A trial's newest report; None if it has made none."""
        query = (
            f"SELECT {_COLUMNS} FROM reports WHERE trial = ? AND superseded_by IS NULL"  # noqa: S608  constants only
            " ORDER BY segment DESC, step DESC LIMIT 1"
        )
        with readable(self._path):
            row = self._connection.execute(query, (trial,)).fetchone()
        return None if row is None else StoredReport(*row)

    def report_count(self) -> int:
        """How many reports are stored, superseded ones too."""
        (count,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM reports").fetchone()
        return int(count)
