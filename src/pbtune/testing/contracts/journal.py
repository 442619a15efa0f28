"""What every journal promises."""

# ruff: noqa: S101, D102, PLR2004  tests: each name is a sentence

import math
from abc import ABC, abstractmethod
from typing import Any, Final

from pbtune.core.decisions import Created, Halted, Started
from pbtune.core.events import Failed, Noticed, Opened, Report, Reported, Saved
from pbtune.core.experiment import Experiment, Record
from pbtune.core.fold import fold
from pbtune.core.values import Ref
from pbtune.errors import MetricUnstorable
from pbtune.journal.base import AbstractJournal, Entry, ReportRow
from pbtune.journal.folded import Folded, Saving
from pbtune.testing.contracts.raising import raises

NASTY_CONFIG: Final[dict[str, object]] = {
    "lr": 0.1,
    "nan": math.nan,
    "inf": -math.inf,
    "big": 1 << 70,
    "negative": -(1 << 63) - 1,
    "unsigned": 1 << 63,
    "pair": (1, (2.0, "x")),
    "nested": {"a": {"b": [1, None, True]}},
    "$float": "a key that looks like a tag",
    "$$": {"$tuple": [1]},
    "surrogate": "\ud800 alone",
    "zero": "a\0b",
    "object": Ref("object"),
    "text": "naïve ✓ 'quoted' \"twice\"",
}
"""Every kind of value that a config may hold."""


def row(
    trial: str = "t0", attempt: int = 1, segment: int = 0, step: int = 1, **changes: object
) -> ReportRow:
    """A report as it is stored."""
    fields: dict[str, Any] = {
        "trial": trial,
        "attempt": attempt,
        "segment": segment,
        "step": step,
        "time_total_s": step / 4,
        "timestamp": 1000.0 + step,
        "metrics": b'{"score":%d}' % step,
    }
    return ReportRow(**{**fields, **changes})


def started(
    trial: str = "t0",
    attempt: int = 1,
    segment: int = 0,
    step: int = 0,
    **changes: Any,  # noqa: ANN401  its fields
) -> Started:
    """The start of an attempt."""
    return Started(trial, attempt, 0, segment, step, step / 4, **changes)


class JournalContract(ABC):
    """Subclass it with a fixture ``journal``, new and empty, and the two ways to look inside."""

    @abstractmethod
    def reopened(self, journal: AbstractJournal) -> AbstractJournal:
        """The journal as the next driver finds it, after this one has closed it."""

    @abstractmethod
    def rows(self, journal: AbstractJournal) -> list[tuple[ReportRow, int | None]]:
        """All reports in the order in which they were stored, with who superseded them."""

    def records(self, journal: AbstractJournal, after: int = 0) -> list[Record]:
        """The records behind a cursor."""
        return [entry.record for entry in journal.entries(after)]

    def test_a_new_journal_is_empty(self, journal: AbstractJournal) -> None:
        assert list(journal.entries()) == []
        assert self.rows(journal) == []

    def test_records_come_back_in_order_with_their_place(self, journal: AbstractJournal) -> None:
        first = journal.append([Opened(1), Created("t0", 0, {"lr": 1})], [], 5.0)
        last = journal.append([Halted("enough")], [], 6.0)
        assert (first, last) == (2, 3)
        assert list(journal.entries()) == [
            Entry(1, 1, 5.0, Opened(1)),
            Entry(2, 1, 5.0, Created("t0", 0, {"lr": 1})),
            Entry(3, 2, 6.0, Halted("enough")),
        ]

    def test_a_cursor_gets_only_what_is_new(self, journal: AbstractJournal) -> None:
        journal.append([Opened(1), Opened(2), Opened(3)], [], 0.0)
        assert self.records(journal, after=2) == [Opened(3)]
        assert self.records(journal, after=3) == []
        assert self.records(journal, after=99) == []

    def test_a_config_comes_back_exactly(self, journal: AbstractJournal) -> None:
        journal.append([Created("t0", 0, NASTY_CONFIG, {"a/b": (1, math.inf)})], [], 0.0)
        [record] = self.records(journal)
        assert repr(record) == repr(Created("t0", 0, NASTY_CONFIG, {"a/b": (1, math.inf)}))

    def test_scores_that_are_no_numbers_come_back(self, journal: AbstractJournal) -> None:
        report = Report("t0", 1, 1, 0.5, {"score": math.nan, "loss": math.inf, "word": "\udfff"})
        saved = Saved("t0", 1, "t0/checkpoint_000000", 1, -math.inf, 0.5, math.nan)
        journal.append([Reported((report,)), saved], [], 0.0)
        assert repr(self.records(journal)) == repr([Reported((report,)), saved])

    def test_observed_integers_of_any_size_come_back(self, journal: AbstractJournal) -> None:
        report = Report("t0", 1, 1, 0.5, {"a": 1 << 70, "b": -(1 << 64), "c": (1 << 64) - 1})
        journal.append([Reported((report,))], [], 0.0)
        assert self.records(journal) == [Reported((report,))]

    def test_a_block_of_reports_is_one_record(self, journal: AbstractJournal) -> None:
        block = Reported((Report("t0", 1, 1, 0.5), Report("t1", 2, 9, 0.5, {"done": True})))
        journal.append([block], [], 0.0)
        assert self.records(journal) == [block]

    def test_a_traceback_of_any_text_comes_back(self, journal: AbstractJournal) -> None:
        failed = Failed("t0", 1, "ValueError", "é ☃ \ud83d", "line\n\tline\0", fatal=True)
        journal.append([failed], [], 0.0)
        assert self.records(journal) == [failed]

    def test_reports_are_stored_without_records(self, journal: AbstractJournal) -> None:
        assert journal.append([], [row(step=1), row(step=2)], 0.0) == 0
        assert self.records(journal) == []
        assert self.rows(journal) == [(row(step=1), None), (row(step=2), None)]

    def test_a_report_keeps_its_bytes_and_its_checkpoint(self, journal: AbstractJournal) -> None:
        body = '{"a":{"$float":"nan"},"ü":[1,"x"]}'.encode()
        stored = row(metrics=body, checkpoint="t0/checkpoint_000003", time_total_s=0.1)
        journal.append([], [stored], 0.0)
        assert self.rows(journal) == [(stored, None)]

    def test_a_new_attempt_supersedes_the_steps_that_it_does_again(
        self, journal: AbstractJournal
    ) -> None:
        journal.append([started()], [row(step=step) for step in (1, 2, 3)], 0.0)
        journal.append([started(attempt=2, step=1, supersedes=True)], [], 0.0)
        journal.append([], [row(attempt=2, step=2)], 0.0)
        assert [(it.step, it.attempt, by) for it, by in self.rows(journal)] == [
            (1, 1, None),
            (2, 1, 2),
            (3, 1, 2),
            (2, 2, None),
        ]

    def test_only_that_trial_and_that_segment_are_superseded(
        self, journal: AbstractJournal
    ) -> None:
        others = [row(trial="t1", step=9), row(segment=1, step=9), row(segment=0, step=9)]
        journal.append([started(attempt=2, segment=1, step=3, supersedes=True)], others, 0.0)
        assert [by for _, by in self.rows(journal)] == [None, 2, None]

    def test_who_superseded_first_stays(self, journal: AbstractJournal) -> None:
        journal.append([started()], [row(step=5)], 0.0)
        journal.append([started(attempt=2, supersedes=True)], [row(attempt=2, step=5)], 0.0)
        journal.append([started(attempt=3, supersedes=True)], [], 0.0)
        assert [by for _, by in self.rows(journal)] == [2, 3]

    def test_an_attempt_that_goes_on_supersedes_nothing(self, journal: AbstractJournal) -> None:
        journal.append([started()], [row(step=5)], 0.0)
        journal.append([started(attempt=2, step=0)], [], 0.0)
        assert self.rows(journal) == [(row(step=5), None)]

    def test_a_record_that_cannot_be_stored_takes_the_whole_commit_along(
        self, journal: AbstractJournal
    ) -> None:
        journal.append([Opened(1), started()], [row()], 0.0)
        bad = Created("t1", 1, {"lr": object()})
        again = started(attempt=2, supersedes=True)
        with raises(MetricUnstorable):
            journal.append([Opened(2), again, bad], [row(step=2)], 0.0)
        assert self.records(journal) == [Opened(1), started()]
        assert self.rows(journal) == [(row(), None)]

    def test_the_commit_after_a_failed_one_takes_its_number(self, journal: AbstractJournal) -> None:
        journal.append([Opened(1)], [], 0.0)
        with raises(MetricUnstorable):
            journal.append([Created("t1", 1, {"lr": object()})], [], 0.0)
        journal.append([Opened(2)], [], 0.0)
        assert [(it.id, it.commit) for it in journal.entries()] == [(1, 1), (2, 2)]

    def test_a_closed_journal_is_reopened_and_goes_on(self, journal: AbstractJournal) -> None:
        journal.append([Opened(1)], [row(step=1)], 1.0)
        again = self.reopened(journal)
        assert again.append([Opened(2)], [row(step=2)], 2.0) == 2
        assert list(again.entries()) == [Entry(1, 1, 1.0, Opened(1)), Entry(2, 2, 2.0, Opened(2))]
        assert self.rows(again) == [(row(step=1), None), (row(step=2), None)]

    def test_closing_twice_is_fine(self, journal: AbstractJournal) -> None:
        journal.append([Opened(1)], [], 0.0)
        journal.close()
        journal.close()

    def test_nothing_is_kept_at_first(self, journal: AbstractJournal) -> None:
        assert journal.kept() == (0, Folded())
        journal.append([Opened(1)], [], 0.0)
        assert self.reopened(journal).kept() == (0, Folded())

    def test_what_was_kept_last_comes_back_exactly(self, journal: AbstractJournal) -> None:
        records: list[Record] = [Opened(1), Created("t0", 0, NASTY_CONFIG)]
        journal.append(records, [], 0.0)
        journal.keep(Folded())
        saved = Saved("t0", 1, "t0/checkpoint_000000", 1, -math.inf, 0.5, math.nan)
        state = Experiment()
        for record in [*records, started(), saved]:
            state = fold(state, record)
        journal.append([started(), saved], [row()], 0.0)
        savings = {saved.checkpoint: Saving(saved, 0, NASTY_CONFIG)}
        folded = Folded(state, savings, (Noticed("t0", "code", "text \udfff"),))
        journal.keep(folded)
        journal.append([Opened(2)], [], 0.0)
        last, kept = self.reopened(journal).kept()
        assert last == 4
        kept.state.validate()
        assert repr(kept) == repr(folded)

    def test_idle_moments_change_nothing(self, journal: AbstractJournal) -> None:
        journal.idle()
        journal.append([Opened(1)], [row()], 0.0)
        journal.idle()
        journal.idle()
        assert self.records(journal) == [Opened(1)]
        assert self.rows(journal) == [(row(), None)]
