"""What a page asks of a run's database: few rows out of many, chosen by SQL.

Each query is short, so that a driver that wants to move the WAL never waits for a reader.
"""

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Final, cast

import msgspec

from pbtune.core.exact import decode_record
from pbtune.core.experiment import Record
from pbtune.journal.base import Entry
from pbtune.journal.reader import JournalReader

_UNQUOTABLE: Final = ('"', "\\", "\0")
_VALUE: Final = "coalesce(json_extract(metrics, ?), json_extract(metrics, ?))"


Saving = tuple[int, str, str]
"""A checkpoint that was saved: the record's id, the trial, the checkpoint's name."""


class Sizes(msgspec.Struct, frozen=True):
    """How much there is: the newest record, when it was written, the newest report."""

    record: int = 0
    at: float = 0.0
    report: int = 0


class Bucket(msgspec.Struct, frozen=True):
    """The least and the greatest value of one trial's steps in [index * size, (index + 1) * size).

    Steps are counted from 0 here: ``step - 1``.
    """

    trial: str
    index: int
    low: float
    high: float


def sizes(reader: JournalReader) -> Sizes:
    """How far the journal has got."""
    query = (
        "SELECT (SELECT coalesce(max(id), 0) FROM events),"
        " coalesce((SELECT at FROM events ORDER BY id DESC LIMIT 1), 0),"
        " (SELECT coalesce(max(id), 0) FROM reports)"
    )
    ((record, at, report),) = reader.rows(query)
    return Sizes(cast("int", record), cast("float", at), cast("int", report))


def kind_counts(reader: JournalReader, after: int = 0) -> dict[str, int]:
    """How many records there are of each kind, of those with an id above ``after``."""
    rows = reader.rows("SELECT kind, count(*) FROM events WHERE id > ? GROUP BY kind", (after,))
    return {cast("str", kind): cast("int", count) for kind, count in rows}


def entries_and_savings(
    reader: JournalReader, kinds: Sequence[str], after: int = 0
) -> Generator["Entry | Saving", None, None]:
    """The records of some kinds, and of each saved checkpoint only what it is called, in order.

    Checkpoints are most of what there is, and of most of them nothing else is ever asked.

    Args:
        reader: The run's journal.
        kinds: Whose records are wanted; not "saved".
        after: Of those with a higher id only.
    """
    query = (
        "SELECT id, \"commit\", at, trial, kind = 'saved',"
        " CASE kind WHEN 'saved' THEN json_extract(record, '$.checkpoint') ELSE record END"
        " FROM events WHERE id > ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY id"
    )
    for row in reader.rows(query, (after, json.dumps([*kinds, "saved"]))):
        number, commit, at, trial, is_saved, text = cast(
            "tuple[int, int, float, str, int, str]", row
        )
        if is_saved:
            yield (number, trial, text)
        else:
            yield Entry(number, commit, at, decode_record(text))


def entries_about(
    reader: JournalReader, trial: str, without: Sequence[str], limit: int
) -> list[Entry]:
    """A trial's newest records, in order.

    Args:
        reader: The run's journal.
        trial: Its id.
        without: Kinds to leave out.
        limit: How many at most.
    """
    query = (
        'SELECT id, "commit", at, record FROM events WHERE trial = ?'
        " AND kind NOT IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?"
    )
    rows = reader.rows(query, (trial, json.dumps(list(without)), limit))
    return list(_entries(rows))[::-1]


def records_of(reader: JournalReader, trial: str | None, kinds: Sequence[str]) -> list[Record]:
    """The records of some kinds about one trial, in order; None stands for those about none."""
    query = (
        "SELECT record FROM events WHERE trial IS ?"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY id"
    )
    rows = reader.rows(query, (trial, json.dumps(list(kinds))))
    return [decode_record(cast("str", body)) for (body,) in rows]


def entries_at(reader: JournalReader, ids: Iterable[int]) -> list[Entry]:
    """The records with these ids, in order."""
    query = (
        'SELECT id, "commit", at, record FROM events'
        " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
    )
    return list(_entries(reader.rows(query, (json.dumps(list(ids)),))))


def can_chart(metric: str) -> bool:
    """Whether SQL can name a metric: its JSON paths have no way to escape a quote."""
    return not any(it in metric for it in _UNQUOTABLE)


def changed_trials(reader: JournalReader, after: int) -> list[str]:
    """The trials with reports whose id is above ``after``."""
    # Without the LIMIT, SQLite would walk the index of all trials.
    query = "SELECT DISTINCT trial FROM (SELECT trial FROM reports WHERE id > ? LIMIT -1)"
    rows = reader.rows(query, (after,))
    return [cast("str", trial) for (trial,) in rows]


def buckets(
    reader: JournalReader, metric: str, size: int, ids: tuple[int, int]
) -> Iterator[Bucket]:
    """Minimum and maximum of a metric for each trial and ``size`` steps.

    Args:
        reader: The run's journal.
        metric: '/'-joined path of a metric that ``can_chart`` allows.
        size: Steps in a bucket, >= 1.
        ids: Of the reports with an id above the first and up to the second.
    """
    # Without the LIMIT, SQLite would take the value out of the JSON once for each use of it.
    query = (
        "SELECT trial, (step - 1) / ?, min(value), max(value) FROM ("  # noqa: S608  constants only
        f" SELECT trial, step, {_VALUE} AS value FROM reports"
        " WHERE id > ? AND id <= ? AND superseded_by IS NULL LIMIT -1 OFFSET 0)"
        " WHERE typeof(value) IN ('integer', 'real') GROUP BY 1, 2"
    )
    for row in reader.rows(query, (size, *_paths(metric), *ids)):
        yield Bucket(*cast("tuple[str, int, float, float]", row))


def newest_values(reader: JournalReader, metric: str, ids: tuple[int, int]) -> Iterator[Bucket]:
    """As ``buckets`` of one step; a step that was reported twice has its newest value.

    That happens where a copy goes on from a step that the member itself had been at.
    """
    # SQLite takes bare columns from the row that has the maximum.
    query = (
        "SELECT trial, step - 1, value, value, max(id) FROM ("  # noqa: S608  constants only
        f" SELECT id, trial, step, {_VALUE} AS value FROM reports"
        " WHERE id > ? AND id <= ? AND superseded_by IS NULL LIMIT -1 OFFSET 0)"
        " WHERE typeof(value) IN ('integer', 'real') GROUP BY 1, 2"
    )
    for row in reader.rows(query, (*_paths(metric), *ids)):
        yield Bucket(*cast("tuple[str, int, float, float]", row[:4]))


def samples(reader: JournalReader, metric: str, size: int) -> Iterator[Bucket]:
    """As ``buckets`` over the whole run, from each ``size``-th step alone: rough, and at once."""
    query = (
        "SELECT trial, (step - 1) / ?, value, value FROM ("  # noqa: S608  constants only
        f" SELECT trial, step, {_VALUE} AS value FROM reports"
        " WHERE step % ? = 0 AND superseded_by IS NULL LIMIT -1 OFFSET 0)"
        " WHERE typeof(value) IN ('integer', 'real')"
    )
    for row in reader.rows(query, (size, *_paths(metric), size)):
        yield Bucket(*cast("tuple[str, int, float, float]", row))


def segment_ends(
    reader: JournalReader, segments: Iterable[tuple[str, int]], metric: str | None
) -> dict[tuple[str, int], tuple[int, float | None]]:
    """The last step of each (trial, segment) that has reports, and the metric there."""
    # Without a metric that SQL can name, a path that no report has.
    paths = _paths(metric) if metric is not None and can_chart(metric) else _paths("")
    query = (
        "SELECT json_extract(asked.value, '$[0]'), json_extract(asked.value, '$[1]'), r.step,"  # noqa: S608  constants only
        f" {_VALUE} FROM json_each(?) asked JOIN reports r ON r.id = ("
        " SELECT id FROM reports WHERE trial = json_extract(asked.value, '$[0]')"
        "  AND segment = json_extract(asked.value, '$[1]') AND superseded_by IS NULL"
        "  ORDER BY step DESC LIMIT 1)"
    )
    ends: dict[tuple[str, int], tuple[int, float | None]] = {}
    for row in reader.rows(query, (*paths, json.dumps(list(segments)))):
        trial, segment, step, found = cast("tuple[str, int, int, object]", row)
        score = float(found) if isinstance(found, (int, float)) else None
        ends[trial, segment] = (step, score)
    return ends


def _paths(metric: str) -> tuple[str, str]:
    """A metric in SQLite's words: under one key with slashes in it, else nested."""
    # The user's own keys that begin with "$" are stored with a second one.
    keys = [f"${key}" if key.startswith("$") else key for key in (metric, *metric.split("/"))]
    return f'$."{keys[0]}"', "$" + "".join(f'."{key}"' for key in keys[1:])


def _entries(rows: Iterable[tuple[object, ...]]) -> Generator[Entry, None, None]:
    for row in rows:
        number, commit, at, body = cast("tuple[int, int, float, str]", row)
        yield Entry(number, commit, at, decode_record(body))
