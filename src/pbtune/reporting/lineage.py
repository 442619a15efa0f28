"""Which pieces of which members made a result: the path back through the copies."""

import math
from typing import cast

import msgspec

from pbtune.core.trial import Trial
from pbtune.journal.reader import JournalReader, StoredReport
from pbtune.reporting.snapshot import RunView


class Piece(msgspec.Struct, frozen=True):
    """The reports of one segment with ``start_step`` < step <= ``end_step``."""

    trial: str
    segment: int
    start_step: int
    end_step: float

    def holds(self, report: StoredReport) -> bool:
        """Whether a report is one of this piece's."""
        return (
            report.trial == self.trial
            and report.segment == self.segment
            and self.start_step < report.step <= self.end_step
        )


def lineage(view: RunView, trial: str) -> list[Piece]:
    """The pieces that led to where a trial stands now, the oldest first."""
    copies = {(it.record.trial, it.segment): it.record for it in view.exploits}
    pieces: list[Piece] = []
    name, segment, end = trial, view.experiment.trials[trial].segment, math.inf
    while True:
        copy = copies.get((name, segment))
        if copy is None:
            pieces.append(Piece(name, segment, 0, end))
            return pieces[::-1]
        pieces.append(Piece(name, segment, copy.step, end))
        name, end = copy.donor, copy.step
        # The donor may have become a copy itself since it saved: its piece is the one it saved in.
        segment = view.savings[copy.checkpoint].segment


def winner(view: RunView, reader: JournalReader) -> Trial | None:
    """The member whose last report is best by the run's metric; None if nothing can be compared."""
    metric, mode = view.header.metric, view.header.mode
    if metric is None:
        return None
    sign = -1 if mode == "min" else 1
    best: tuple[float, Trial] | None = None
    last = reader.last_reports()
    for trial in view.trials:
        score = number(last[trial.id].metrics(), metric) if trial.id in last else math.nan
        if not math.isnan(score) and (best is None or sign * score > best[0]):
            best = (sign * score, trial)
    return None if best is None else best[1]


def number(values: "dict[str, object] | object", path: str) -> float:
    """The number under a '/'-joined path; NaN if it is missing or no number."""
    value = values
    if isinstance(values, dict) and path in values:
        value = values[path]
    else:
        for key in path.split("/"):
            value = value.get(key) if isinstance(value, dict) else None
    try:
        return float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:
        return math.inf if cast("int", value) > 0 else -math.inf
