"""The run's database: one transaction a turn, one writer (law 7).

WAL with ``synchronous=NORMAL`` survives the death of the process, ``FULL`` also the loss of power.
SQLite moves the WAL into the database when the driver is idle, since that stalls for milliseconds.
"""

import errno
import os
import sqlite3
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.core.decisions import Started
from pbtune.core.events import Reported
from pbtune.core.exact import VERSION, decode_record, encode_record
from pbtune.core.experiment import Record
from pbtune.errors import RunUnreadable, StorageFull, StorageUnwritable
from pbtune.journal.base import AbstractJournal, Entry, Header, ReportRow
from pbtune.journal.filesystem import network_filesystem
from pbtune.journal.folded import Folded, decode_folded, encode_folded, folded_by
from pbtune.journal.schema import FOLDED, FORMAT, SCHEMA

_WAL_PAGES_MAX: Final = 20_000
"""Beyond 80 MB the WAL is moved even if the driver is busy."""
_EVENT: Final = "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?)"
_REPORT: Final = "INSERT INTO reports VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
_KEEP: Final = "INSERT OR REPLACE INTO folded VALUES (1, ?, ?, ?)"
_SUPERSEDE: Final = (
    "UPDATE reports SET superseded_by = ?"
    " WHERE trial = ? AND segment = ? AND step > ? AND superseded_by IS NULL AND attempt < ?"
)


@final
class SqliteJournal(AbstractJournal):
    """Made by ``create`` or ``open``; the caller holds the run's lock."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._is_open = True
        self._broken: StorageUnwritable | None = None
        self._is_dirty = False
        self._commit: int
        self._last: int
        query = 'SELECT coalesce(max("commit"), 0), coalesce(max(id), 0) FROM events'
        self._commit, self._last = connection.execute(query).fetchone()

    @classmethod
    def create(cls, path: Path, header: Header, durability: str = "process") -> "SqliteJournal":
        """A new, empty database, readable by its owner only.

        Raises:
            StorageUnwritable: If it can't be made.
        """
        try:
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            _make(path, header, durability)
            return cls(_connected(path, durability), path)
        except (OSError, sqlite3.OperationalError) as error:
            message = (
                f"the run's database {path} can't be written: {error}. Give a folder that you can"
                f" write as RunConfig(storage_path=...) or PBTUNE_STORAGE."
            )
            raise StorageUnwritable(message) from error

    @classmethod
    def open(cls, path: Path, durability: str = "process") -> "SqliteJournal":
        """The database of a run that goes on.

        Raises:
            RunUnreadable: If there is none, or this version can't read it.
        """
        if not path.is_file():
            message = f"{path.parent} has no {path.name}: it is no run of pbtune"
            raise RunUnreadable(message)
        with readable(path), ExitStack() as undo:
            connection = _connected(path, durability)
            undo.callback(connection.close)
            check_format(connection, path)
            connection.execute(FOLDED)
            journal = cls(connection, path)
            undo.pop_all()
            return journal

    def append(self, records: Sequence[Record], rows: Sequence[ReportRow], at: float) -> int:
        """See the base class."""
        if self._broken is not None:
            raise self._broken
        commit = self._commit + 1
        self._is_dirty = True
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            # Reports first: a new attempt in the same commit supersedes what came before it.
            if rows:
                self._connection.executemany(_REPORT, map(_report_values, rows))
            # One call for all records: a statement of its own for each costs twice as much.
            values = [(commit, at, VERSION, *_event_values(record)) for record in records]
            self._connection.executemany(_EVENT, values)
            for record in records:
                if isinstance(record, Started) and record.supersedes:
                    new = record.attempt
                    execute(_SUPERSEDE, (new, record.trial, record.segment, record.step, new))
            execute("COMMIT")
        except BaseException as error:
            # SQLite has rolled back by itself when the disk is full, and would complain.
            if self._connection.in_transaction:
                execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise self._fault(error) from error
            raise
        if not records:
            return 0
        self._commit = commit
        self._last += len(records)
        return self._last

    def _fault(self, error: sqlite3.OperationalError) -> StorageUnwritable:
        """What a failed write means: a full disk can be waited for, all else ends the writing."""
        if "disk is full" in str(error):
            return StorageFull(f"The disk with {self._path} is full.")
        # After a failed fsync the system may have dropped what it couldn't write: writing on would
        # build on what isn't there (Rebello et al., ATC 2020).
        self._broken = StorageUnwritable(
            f"{self._path} can't be written any more ({error}). Nothing that was acknowledged is"
            f" lost; resume the run when the disk is well."
        )
        return self._broken

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """See the base class."""
        return read_entries(self._connection, after)

    def keep(self, folded: Folded) -> None:
        """See the base class."""
        if self._broken is not None:
            return
        self._is_dirty = True
        values = (self._last, folded_by(), encode_folded(folded).decode())
        try:
            self._connection.execute(_KEEP, values)
        except sqlite3.OperationalError as error:
            fault = self._fault(error)
            if not isinstance(fault, StorageFull):
                raise fault from error

    def kept(self) -> tuple[int, Folded]:
        """See the base class."""
        return read_kept(self._connection)

    def idle(self) -> None:
        """Move the WAL into the database, if readers allow it."""
        if not self._is_dirty or self._broken is not None:
            return
        try:
            _checkpoint(self._connection)
        except sqlite3.OperationalError as error:
            fault = self._fault(error)
            if not isinstance(fault, StorageFull):
                raise fault from error
            # The WAL has everything, and the next idle moment comes.
            return
        self._is_dirty = False

    def close(self) -> None:
        """See the base class. A reader that is still there keeps the WAL beside the database."""
        if not self._is_open:
            return
        self._is_open = False
        # Where it fails, whoever opens the run next finds the WAL, and loses nothing.
        with _let_go(self._connection, self._path):
            if self._broken is None:
                self._tidy()

    def _tidy(self) -> None:
        for attempt in (_plain, _checkpoint):
            try:
                attempt(self._connection)
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    continue
                fault = self._fault(error)
                if not isinstance(fault, StorageFull):
                    raise fault from error
            return


@contextmanager
def _let_go(connection: sqlite3.Connection, path: Path) -> Generator[None, None, None]:
    """Close a connection afterwards, and write nothing by that.

    SQLite would move the WAL when its last connection closes, and flush it once more: not after a
    flush has failed. A connection that can't write keeps it from being the last.
    """
    try:
        yield
    finally:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(uri, uri=True)) as last:
            last.execute("SELECT count(*) FROM meta").fetchone()
            connection.close()
        connection.close()


def mend(path: Path) -> None:
    """Undo what a driver was killed in: without a WAL, read-only readers can't get past that.

    The caller holds the run's lock.
    """
    if path.with_name(f"{path.name}-journal").exists():
        with readable(path), closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT count(*) FROM meta").fetchone()


def _make(path: Path, header: Header, durability: str) -> None:
    """Write the whole database under another name first: a run is there, or it never began."""
    temporary = path.with_name(f".{path.name}-new")
    temporary.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(temporary, isolation_level=None)
    try:
        _plain(connection)
        connection.execute(f"PRAGMA synchronous={'FULL' if durability == 'power' else 'OFF'}")
        connection.executescript(f"BEGIN; {SCHEMA} {FOLDED}")
        meta = [("format", str(FORMAT)), ("header", msgspec.json.encode(header).decode())]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta)
        connection.execute("COMMIT")
    finally:
        connection.close()
    temporary.rename(path)
    if durability == "power":
        # The file's name, and the run's own.
        for folder in (path.parent, path.parent.parent):
            _sync_directory(folder)


def _sync_directory(path: Path) -> None:
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _plain(connection: sqlite3.Connection) -> None:
    """Make one plain file of the database.

    The change of mode is one write to the first bytes of the file. With a journal on the disk, a
    driver killed in it would leave one that read-only readers can't undo.
    """
    _set_mode(connection, "memory")


def _set_mode(connection: sqlite3.Connection, wanted: str) -> None:
    """SQLite keeps the mode that it had, and raises nothing, where a flush fails meanwhile."""
    (mode,) = connection.execute(f"PRAGMA journal_mode={wanted}").fetchone()
    if mode != wanted:
        message = f"the journal mode stays {mode}"
        raise sqlite3.OperationalError(message)


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _connected(path: Path, durability: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=32)
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    # A WAL needs memory that all its users share, which no network gives: sqlite.org/wal.html.
    wanted = "wal" if network_filesystem(path.parent) is None else "delete"
    if mode != wanted:
        _plain(connection)
        _set_mode(connection, wanted)
    synchronous = "FULL" if durability == "power" else "NORMAL"
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES_MAX}")
    return connection


@contextmanager
def readable(path: Path) -> Generator[None, None, None]:
    """What SQLite and the decoder say of a damaged database, as ``RunUnreadable``."""
    try:
        yield
    except (sqlite3.DatabaseError, KeyError, ValueError) as error:
        message = f"{path} can't be read as a run of pbtune: {type(error).__name__}: {error}"
        raise RunUnreadable(message) from error


def check_format(connection: sqlite3.Connection, path: Path) -> Header:
    """The header of a database that this version can read.

    Raises:
        RunUnreadable: If it was written by a newer version.
    """
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    if int(meta["format"]) > FORMAT:
        message = f"{path} was written by a newer pbtune (format {meta['format']}): upgrade pbtune"
        raise RunUnreadable(message)
    return msgspec.json.decode(meta["header"], type=Header)


def read_entries(connection: sqlite3.Connection, after: int) -> Iterator[Entry]:
    """The records with an id above ``after``, in order."""
    query = 'SELECT id, "commit", at, record FROM events WHERE id > ? ORDER BY id'
    for number, commit, at, body in connection.execute(query, (after,)):
        yield Entry(number, commit, at, decode_record(body))


def read_kept(connection: sqlite3.Connection) -> tuple[int, Folded]:
    """See ``AbstractJournal.kept``; a database of an earlier version has no table for it."""
    query = "SELECT last, state FROM folded WHERE code = ?"
    try:
        found = connection.execute(query, (folded_by(),)).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return 0, Folded()
    if found is None:
        return 0, Folded()
    last, body = found
    try:
        return last, decode_folded(body)
    except ValueError:
        # A cache that is damaged is none: the records are read, and are what is complained about.
        return 0, Folded()


def _event_values(record: Record) -> tuple[object, object, str]:
    trial = record.reports[0].trial if isinstance(record, Reported) else None
    return (
        type(record).__struct_config__.tag,
        trial or getattr(record, "trial", None),
        encode_record(record).decode(),
    )


def _report_values(row: ReportRow) -> tuple[object, ...]:
    return (
        row.trial,
        row.attempt,
        row.segment,
        row.step,
        row.time_total_s,
        row.timestamp,
        row.metrics.decode(),
        row.checkpoint,
    )
