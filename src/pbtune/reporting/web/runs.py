"""Which runs there are, under names that are no paths."""

import hashlib
import threading
from collections import OrderedDict
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
            row = {"id": run, **_summary(path)}
        except PbtuneError:
            row = {"id": run, "name": text(path.name), "is_readable": False}
        self._rows[run] = (signature, row)
        return row


def _opaque(path: Path) -> str:
    return hashlib.blake2s(str(path).encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _written(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _summary(path: Path) -> dict[str, object]:
    with JournalReader(path) as reader, reader.snapshot():
        header, counts, newest = reader.header, kind_counts(reader), sizes(reader)
        last = reader.last_reports()
    created = counts.get("created", 0)
    over = sum(counts.get(kind, 0) for kind in ("completed", "abandoned", "closed"))
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
        "is_ended": created > 0 and over - counts.get("reopened", 0) >= created,
        "member_count": created,
        "report_count": newest.report,
        "exploit_count": counts.get("exploited", 0),
        "metric": None if header.metric is None else text(header.metric),
        "best": plain(best),
    }
