"""Which runs there are, under names that are no paths."""

import hashlib
import threading
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Final, final

from pbtune.errors import PbtuneError
from pbtune.journal.glance import kind_counts, sizes
from pbtune.journal.reader import DATABASE, JournalReader
from pbtune.reporting.lineage import number
from pbtune.reporting.web.plain import plain, text
from pbtune.reporting.web.watched import Watched

WATCHED_KEPT: Final = 16
LISTED_MAX: Final = 500


@final
class Runs:
    """The runs of one folder.

    Args:
        folder: A storage folder, or one run's own folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._lock = threading.Lock()
        self._paths: dict[str, Path] = {}
        self._watched: OrderedDict[str, Watched] = OrderedDict()
        self._rows: dict[str, tuple[object, dict[str, object]]] = {}
        self._tallies: dict[str, _Tally] = {}

    def scan(self) -> dict[str, Path]:
        """The runs that are there now, the newest first, by opaque id."""
        if (self.folder / DATABASE).is_file():
            databases = [self.folder / DATABASE]
        else:
            found = [(_written(it), it) for it in self.folder.glob(f"*/{DATABASE}")]
            databases = [path for _, path in sorted(found, reverse=True)[:LISTED_MAX]]
        # The same after a restart of the server, so that an address can be kept.
        paths = {_opaque(path.parent): path.parent for path in databases}
        self._paths = paths
        return paths

    def get(self, run: str) -> Watched | None:
        """A run by its id; None if there is none.

        Raises:
            RunUnreadable: If it can't be read.
        """
        path = self._paths.get(run) or self.scan().get(run)
        if path is None:
            return None
        with self._lock:
            watched = self._watched.get(run)
            if watched is None:
                watched = Watched(path)
                self._watched[run] = watched
                if len(self._watched) > WATCHED_KEPT:
                    self._watched.popitem(last=False)
            self._watched.move_to_end(run)
            return watched

    def rows(self) -> list[dict[str, object]]:
        """One row a run, for the list."""
        return [self._row(run, path) for run, path in self.scan().items()]

    def _row(self, run: str, path: Path) -> dict[str, object]:
        signature = [_written(it) for it in (path / DATABASE, path / f"{DATABASE}-wal")]
        known = self._rows.get(run)
        if known is not None and known[0] == signature:
            return known[1]
        try:
            tally = self._tallies.setdefault(run, _Tally())
            row = {"id": run, **_summary(path, tally)}
        except PbtuneError:
            row = {"id": run, "name": text(path.name), "is_readable": False}
        self._rows[run] = (signature, row)
        return row


@final
class _Tally:
    """How many records of each kind a run has; only new ones are counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._record = 0

    def upto(self, reader: JournalReader, newest: int) -> Counter[str]:
        """The counts with the record ``newest``."""
        if newest < self._record:
            # Another run has taken the place of this one.
            self._counts, self._record = Counter(), 0
        self._counts.update(kind_counts(reader, self._record))
        self._record = newest
        return self._counts


def _opaque(path: Path) -> str:
    return hashlib.blake2s(str(path).encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _written(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _summary(path: Path, tally: "_Tally") -> dict[str, object]:
    with JournalReader(path) as reader, reader.snapshot():
        header, newest = reader.header, sizes(reader)
        counts = tally.upto(reader, newest.record)
        last = reader.last_reports()
    created = counts["created"]
    over = sum(counts[kind] for kind in ("completed", "abandoned", "closed"))
    best: float | None = None
    if header.metric is not None:
        scores = [number(it.metrics(), header.metric) for it in last.values()]
        known = [it for it in scores if it == it]  # noqa: PLR0124  NaN
        best = (min if header.mode == "min" else max)(known, default=None)
    return {
        "name": text(path.name),
        "is_readable": True,
        "created_at": header.created_at,
        "last_at": newest.at or header.created_at,
        "is_ended": created > 0 and over - counts["reopened"] >= created,
        "member_count": created,
        "report_count": newest.report,
        "exploit_count": counts["exploited"],
        "metric": None if header.metric is None else text(header.metric),
        "best": plain(best),
    }
