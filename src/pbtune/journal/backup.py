"""A copy of a run's database while its driver may be writing: one that is whole, at one moment."""

import sqlite3
from contextlib import closing
from pathlib import Path

from pbtune.journal.sqlite import readable


def back_up(source: Path, target: Path) -> None:
    """Copy a database by SQLite's own means, into one plain file.

    Args:
        source: The run's database; opened read-only, since its driver alone writes.
        target: Replaced if it is there.

    Raises:
        RunUnreadable: If the source can't be read.
    """
    target.unlink(missing_ok=True)
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with (
        readable(source),
        closing(sqlite3.connect(uri, uri=True)) as database,
        closing(sqlite3.connect(target)) as copy,
    ):
        database.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    target.chmod(0o600)


def last_record(path: Path) -> int:
    """The number of a database's last record; 0 if there is no database."""
    if not path.is_file():
        return 0
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with readable(path), closing(sqlite3.connect(uri, uri=True)) as database:
        (last,) = database.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    return int(last)
