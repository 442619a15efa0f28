"""What every journal promises; and that all of them keep the same promises the same way."""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from pbtune.core.decisions import Created, Exploited, Released, Started
from pbtune.core.events import Noticed, Opened, Saved
from pbtune.errors import MetricUnstorable
from pbtune.journal.base import Header, ReportRow
from pbtune.journal.folded import Folded
from pbtune.journal.memory import MemoryJournal
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal
from pbtune.testing.contracts.journal import JournalContract, row, started


def header(name: str = "run") -> Header:
    return Header(name, "train_fn", 7, 1000.0, "score", "max", 2, ("lr",))


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def journal(self):
        return MemoryJournal()

    def reopened(self, journal):
        journal.close()
        return journal.copy()

    def rows(self, journal):
        return journal.rows

    def test_what_a_crash_leaves_does_not_change_any_more(self, journal):
        journal.append([Opened(1)], [row()], 0.0)
        left = journal.copy()
        journal.append([Opened(2), started(attempt=2, supersedes=True)], [row(step=2)], 0.0)
        assert self.records(left) == [Opened(1)]
        assert left.rows == [(row(), None)]


def stored_rows(run_dir: Path) -> list[tuple[ReportRow, int | None]]:
    with JournalReader(run_dir) as reader:
        return [
            (
                ReportRow(
                    *(it.trial, it.attempt, it.segment, it.step, it.time_total_s, it.timestamp),
                    it.body.encode(),
                    it.checkpoint,
                ),
                it.superseded_by,
            )
            for it in reader.reports(superseded=True)
        ]


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def journal(self, tmp_path):
        self.path = tmp_path / "run.db"
        self.opened = [SqliteJournal.create(self.path, header())]
        yield self.opened[0]
        for journal in self.opened:
            journal.close()

    def reopened(self, journal):
        journal.close()
        self.opened.append(SqliteJournal.open(self.path))
        return self.opened[-1]

    def rows(self, journal):
        return stored_rows(self.path.parent)


class TestDurableSqliteJournal(TestSqliteJournal):
    @pytest.fixture
    def journal(self, tmp_path):
        self.path = tmp_path / "run.db"
        self.opened = [SqliteJournal.create(self.path, header(), durability="power")]
        yield self.opened[0]
        for journal in self.opened:
            journal.close()


TRIALS = st.sampled_from(["t0", "t1"])
SMALL = st.integers(0, 4)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.just("\ud800"),
)
CONFIGS = st.dictionaries(st.text("$ab/", max_size=3), st.recursive(VALUES, st.lists, max_leaves=4))
RECORDS = st.one_of(
    st.builds(Opened, SMALL),
    st.builds(Created, TRIALS, SMALL, CONFIGS),
    st.builds(
        Started, TRIALS, SMALL, SMALL, SMALL, SMALL, st.floats(0, 9), supersedes=st.booleans()
    ),
    st.builds(Exploited, TRIALS, TRIALS, TRIALS, CONFIGS, st.text(), SMALL, *[st.floats()] * 3),
    st.builds(Saved, TRIALS, SMALL, st.text(), SMALL, st.floats(), st.floats(0), st.floats()),
    st.builds(Released, st.lists(st.text()).map(tuple)),
)
ROWS = st.builds(row, TRIALS, SMALL, SMALL, SMALL)


class JournalsAgree(RuleBasedStateMachine):
    """Drives the database and its twin in memory through the same life."""

    folder: Path
    count = 0

    @initialize()
    def create(self):
        type(self).count += 1
        self.run_dir = self.folder / str(self.count)
        self.run_dir.mkdir()
        self.database = SqliteJournal.create(self.run_dir / "run.db", header())
        self.memory = MemoryJournal()

    def teardown(self):
        if hasattr(self, "database"):
            self.database.close()

    @rule(records=st.lists(RECORDS, max_size=4), rows=st.lists(ROWS, max_size=4))
    def append(self, records, rows):
        answers = {it.append(records, rows, 1.0) for it in (self.memory, self.database)}
        assert len(answers) == 1

    @rule(records=st.lists(RECORDS, max_size=2), rows=st.lists(ROWS, max_size=2))
    def fail(self, records, rows):
        for journal in (self.memory, self.database):
            with pytest.raises(MetricUnstorable):
                journal.append([*records, Created("t0", 0, {"bad": object()})], rows, 1.0)

    @rule(records=st.lists(RECORDS, max_size=2))
    def keep(self, records):
        notices = tuple(Noticed("t0", "code", repr(it)) for it in records)
        for journal in (self.memory, self.database):
            journal.keep(Folded(notices=notices))

    @rule()
    def idle(self):
        self.database.idle()

    @rule()
    def reopen(self):
        self.database.close()
        self.database = SqliteJournal.open(self.run_dir / "run.db")
        self.memory = self.memory.copy()

    @rule()
    def crash(self):
        # A driver that died leaves its connection to the system; the next one finds the WAL.
        self.database._connection.close()
        self.database = SqliteJournal.open(self.run_dir / "run.db")
        self.memory = self.memory.copy()

    @invariant()
    def agree(self):
        if not hasattr(self, "database"):
            return
        ours, theirs = (list(it.entries()) for it in (self.memory, self.database))
        assert repr(ours) == repr(theirs)
        assert self.memory.kept() == self.database.kept()
        assert self.memory.rows == stored_rows(self.run_dir)


@pytest.mark.slow
def test_the_database_and_its_twin_in_memory_agree(tmp_path):
    JournalsAgree.folder = tmp_path
    limits = settings(max_examples=40, stateful_step_count=15, deadline=None, derandomize=True)
    run_state_machine_as_test(JournalsAgree, settings=limits)
