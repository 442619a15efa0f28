"""One run that people look at: read anew when there is something new, once for all of them."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, final

from pbtune.core.exact import flatten
from pbtune.core.story import story_line
from pbtune.journal.base import Entry, Header
from pbtune.journal.glance import (
    Sizes,
    can_chart,
    changed_trials,
    entries_about,
    entries_and_savings,
    entries_at,
    segment_ends,
    sizes,
)
from pbtune.journal.reader import JournalReader, StoredReport
from pbtune.journal.sqlite import readable
from pbtune.reporting.lineage import number
from pbtune.reporting.web.curves import Curves
from pbtune.reporting.web.population import KINDS, Member, Population, Segment

FRESH_S: Final = 0.2
"""So often the journal is looked at, however many clients there are."""
STORY_MAX: Final = 400
METRICS_MAX: Final = 200
CURVES_KEPT: Final = 16
ANSWERS_KEPT: Final = 12
_NO_STORY: Final = ("reported", "evicted", "released")


@final
class Watched:
    """What the page knows of one run.

    It opens the journal for each look and closes it again, so that the driver's last commit finds
    no reader in its way.

    Args:
        run_dir: The run's folder.

    Raises:
        RunUnreadable: On the first look, if it is no run of this version.

    Attributes:
        header: What was written when the run began.
        sizes: How far the journal has been read.
        population: The members and their tree.
        first_version: The version with which this run was first seen as it is.
        last: Each trial's newest report.
        metrics: '/'-joined paths of the numbers that are reported.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.lock = threading.RLock()
        self._looked_s = -math.inf
        self._forget()
        with JournalReader(run_dir) as reader:
            self.header: Header = reader.header
        self.refresh()

    def _forget(self) -> None:
        self.sizes = Sizes()
        self.population = Population()
        self.first_version = self.population.version
        self.last: dict[str, StoredReport] = {}
        self.metrics: list[str] = []
        self._values: dict[str, dict[str, object]] = {}
        self._kept: OrderedDict[object, bytes] = OrderedDict()
        self._curves: dict[str, Curves] = {}
        self._seen_segments: dict[str, int] = {}

    @contextmanager
    def _reader(self) -> Generator[JournalReader, None, None]:
        with JournalReader(self.run_dir) as reader:
            yield reader

    def refresh(self) -> int:
        """Take in what is new.

        Returns:
            The version: it grows with each change.
        """
        with self.lock:
            if time.monotonic() - self._looked_s < FRESH_S:
                return self.population.version
            # A stranger's records may name what isn't there.
            with readable(self.run_dir), self._reader() as reader, reader.snapshot():
                self._look(reader)
            self._looked_s = time.monotonic()
            return self.population.version

    def _look(self, reader: JournalReader) -> None:
        now = sizes(reader)
        if now == self.sizes:
            return
        if now.record < self.sizes.record or now.report < self.sizes.report:
            # Another run has taken the place of this one.
            version = self.population.version
            self._forget()
            self.header = reader.header
            self.first_version = self.population.version = version + 1
        redone = self.population.redone_count
        with closing(entries_and_savings(reader, KINDS, self.sizes.record)) as entries:
            self.population.take_all(entries)
        is_redone = self.population.redone_count != redone
        if is_redone:
            # Stored values don't count any more: the curves are read anew.
            self._curves = {}
        if now.report != self.sizes.report or is_redone:
            self._look_at_reports(reader, is_redone=is_redone)
        self.sizes = now

    def _look_at_reports(self, reader: JournalReader, *, is_redone: bool) -> None:
        version = self.population.version
        wanted: list[Segment] = []
        # A new attempt may have superseded a trial's newest report.
        is_any = is_redone or self.sizes.report == 0
        changed = None if is_any else changed_trials(reader, self.sizes.report)
        for trial, report in reader.last_reports(changed).items():
            if self.last.get(trial) == report:
                continue
            self.last[trial] = report
            self._values[trial] = report.metrics()
            member = self.population.members[trial]
            member.step, member.version = report.step, version
            first = self._seen_segments.get(trial, 0)
            wanted += [(trial, it) for it in range(first, member.segment + 1)]
            self._seen_segments[trial] = member.segment
        for segment, (step, score) in segment_ends(reader, wanted, self.header.metric).items():
            node = self.population.nodes[segment]
            node.end_step, node.score, node.version = step, score, version
        self.metrics = self._metric_names()

    def _metric_names(self) -> list[str]:
        """The run's own metric first; then what the members report, as far as it is numbers."""
        names: dict[str, None] = {}
        if self.header.metric is not None:
            names[self.header.metric] = None
        for values in list(self._values.values())[:8]:
            for path, value in flatten(values).items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    names[path] = None
        return [it for it in names if can_chart(it)][:METRICS_MAX]

    def kept(self, key: tuple[object, ...], make: Callable[[], bytes]) -> bytes:
        """An answer that many ask for at once: made anew when something has changed."""
        whole_key = (self.population.version, *key)
        found = self._kept.get(whole_key)
        if found is None:
            found = self._kept[whole_key] = make()
            if len(self._kept) > ANSWERS_KEPT:
                self._kept.popitem(last=False)
        return found

    def values(self, trial: str) -> dict[str, object]:
        """A trial's newest report as it was reported; empty before the first."""
        return self._values.get(trial, {})

    def score(self, trial: str) -> float:
        """A trial's newest score; NaN if it has none."""
        metric = self.header.metric
        return math.nan if metric is None else number(self.values(trial), metric)

    @property
    def last_step(self) -> int:
        """The furthest step that any segment has got to."""
        return max((node.end_step for node in self.population.nodes.values()), default=0)

    def ranked(self) -> list[Member]:
        """The members, best first; those without a score last."""
        sign = -1 if self.header.mode == "min" else 1

        def key(member: Member) -> tuple[bool, float, int]:
            score = sign * self.score(member.id)
            return (math.isnan(score), 0.0 if math.isnan(score) else -score, member.number)

        return sorted(self.population.members.values(), key=key)

    def winner(self) -> Member | None:
        """The member whose newest score is best; None if nothing can be compared."""
        ranked = self.ranked()
        return ranked[0] if ranked and not math.isnan(self.score(ranked[0].id)) else None

    def curves(self, metric: str) -> Curves:
        """One metric's curves, taken a step nearer to the newest report."""
        with self.lock:
            found = self._curves.get(metric)
            if found is None:
                found = Curves(metric, len(self.population.members))
                self._curves[metric] = found
                for oldest in list(self._curves)[:-CURVES_KEPT]:
                    del self._curves[oldest]
            with self._reader() as reader:
                found.advance(reader, self.sizes.report, self.last_step)
            return found

    def story(self, trial: str) -> list[tuple[Entry, str]]:
        """A trial's newest records with a line for each, in order; also copies of it by others."""
        copies = [
            it.record for it in self.population.exploits if it.parent and it.parent[0] == trial
        ]
        with self._reader() as reader:
            own = entries_about(reader, trial, _NO_STORY, STORY_MAX)
            others = entries_at(reader, copies[-STORY_MAX:])
        entries = {entry.id: entry for entry in (*own, *others)}
        newest = sorted(entries.values(), key=lambda entry: entry.id)[-STORY_MAX:]
        return [(entry, story_line(entry.record)) for entry in newest]
