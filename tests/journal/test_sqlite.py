"""The run's database as files, as tables for people, and under readers and damage."""

import sqlite3
import stat

import pytest

from pbtune.core.decisions import (
    Abandoned,
    Completed,
    Created,
    Exploited,
    Released,
    Retried,
    Started,
    Yielded,
)
from pbtune.core.events import Failed, Noticed, Opened, Report, Reported, Saved
from pbtune.core.experiment import Experiment
from pbtune.core.fold import fold
from pbtune.errors import RunUnreadable, StorageFull, StorageUnwritable
from pbtune.journal.base import Header, ReportRow
from pbtune.journal.folded import Folded
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal

HEADER = Header("run", "train_fn", 7, 1000.0, "score", "max", 2, ("lr",), {"lr": {"log": True}})


def report(trial, attempt, step, checkpoint=None):
    return Reported((Report(trial, attempt, step, step / 2, {"score": step}, checkpoint),))


def row(trial, attempt, segment, step, checkpoint=None):
    metrics = b'{"score":%d,"eval":{"loss":0.5}}' % step
    return ReportRow(trial, attempt, segment, step, step / 2, 1000.0 + step, metrics, checkpoint)


DONOR = Exploited(
    trial="t1",
    donor="t0",
    config_donor="t0",
    config={"lr": 0.2},
    checkpoint="t0/checkpoint_000000",
    step=2,
    progress=2.0,
    time_total_s=1.0,
    score=2.0,
    old_step=1,
    old_config={"lr": 0.9},
    operations={"lr": "* 1.2"},
)
HISTORY = [
    ([Opened(1), Created("t0", 0, {"lr": 0.1}), Created("t1", 1, {"lr": 0.9})], []),
    ([Created("t2", 2, {"lr": 0.5}), Created("t3", 3, {"lr": 0.6})], []),
    ([Started("t0", 1, 0, 0, 0, 0.0), Started("t1", 1, 1, 0, 0, 0.0)], []),
    ([], [row("t0", 1, 0, 1)]),
    (
        [
            Saved("t0", 1, "t0/checkpoint_000000", 2, 2.0, 1.0, 2.0, 10, 1, "abc"),
            report("t0", 1, 2, "t0/checkpoint_000000"),
        ],
        [row("t0", 1, 0, 2, "t0/checkpoint_000000")],
    ),
    ([report("t1", 1, 1), DONOR, Started("t2", 1, 1, 0, 0, 0.0)], [row("t1", 1, 0, 1)]),
    ([Failed("t2", 1, "ValueError", "no", "Traceback"), Retried("t2", 1)], []),
    ([Started("t2", 2, 1, 0, 0, 0.0, supersedes=True), Yielded("t0", 1)], []),
    ([Failed("t2", 2, "ValueError", "no", "Traceback"), Abandoned("t2", 2)], []),
    ([Started("t3", 1, 1, 0, 0, 0.0), Completed("t3", "returned")], []),
    ([Started("t1", 2, 0, 1, 2, 1.0, "t0/checkpoint_000000")], [row("t1", 2, 1, 3)]),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


@pytest.fixture
def journal(path):
    journal = SqliteJournal.create(path, HEADER)
    yield journal
    journal.close()


def play(journal, history=HISTORY):
    for records, rows in history:
        journal.append(records, rows, 5.0)


def query(path, text):
    """As a person does: ``sqlite3 -readonly``."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def test_only_the_owner_can_read_it(path, journal):
    play(journal)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {0o600}


def test_a_clean_end_leaves_one_plain_file(path, journal):
    play(journal)
    journal.close()
    assert [file.name for file in path.parent.iterdir()] == ["run.db"]
    assert query(path, "PRAGMA journal_mode") == [("delete",)]


def test_a_database_is_never_made_over_another_file(path):
    path.write_text("mine")
    with pytest.raises(StorageUnwritable, match="can't be written"):
        SqliteJournal.create(path, HEADER)
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageUnwritable, match="nowhere"):
        SqliteJournal.create(tmp_path / "nowhere" / "run.db", HEADER)


def test_the_trials_view_agrees_with_the_fold(path, journal):
    play(journal)
    rows = query(path, "SELECT trial, number, status, report_count, step, parent FROM trials")
    assert rows == [
        ("t0", 0, "PAUSED", 2, 2, None),
        ("t1", 1, "RUNNING", 2, 3, "t0"),
        ("t2", 2, "FAILED", 0, None, None),
        ("t3", 3, "DONE", 0, None, None),
    ]
    assert {name: status for name, _, status, *_ in rows} == folded(journal)


def folded(journal):
    state = Experiment()
    for entry in journal.entries():
        state = fold(state, entry.record)
    return {trial.id: trial.status.value for trial in state.trials.values()}


@pytest.mark.parametrize("length", range(1, len(HISTORY) + 1))
def test_the_trials_view_agrees_with_the_fold_at_every_moment(path, journal, length):
    play(journal, HISTORY[:length])
    assert dict(query(path, "SELECT trial, status FROM trials")) == folded(journal)


def test_a_driver_that_took_over_ended_the_attempts(path, journal):
    play(journal, [*HISTORY, ([Opened(2)], [])])
    assert dict(query(path, "SELECT trial, status FROM trials")) == folded(journal)


def test_the_trials_view_shows_the_last_metrics_and_the_config(path, journal):
    play(journal)
    text = (
        "SELECT json_extract(metrics, '$.score'), json_extract(metrics, '$.eval.loss'),"
        " json_extract(config, '$.lr') FROM trials WHERE trial = 't1'"
    )
    assert query(path, text) == [(3, 0.5, 0.2)]


def test_reports_can_be_asked_with_sql(path, journal):
    play(journal)
    text = "SELECT trial, attempt, segment, step, json_extract(metrics, '$.score') FROM reports"
    assert query(path, f"{text} WHERE trial = 't1' ORDER BY id") == [
        ("t1", 1, 0, 1, 1),
        ("t1", 2, 1, 3, 3),
    ]
    assert query(path, "SELECT typeof(metrics) FROM reports LIMIT 1") == [("text",)]


def test_the_exploits_view_names_donor_and_copy(path, journal):
    play(journal)
    assert query(
        path,
        "SELECT trial, donor, old_step, step, score, checkpoint, json_extract(old_config, '$.lr'),"
        " json_extract(config, '$.lr'), json_extract(operations, '$.lr') FROM exploits",
    ) == [("t1", "t0", 1, 2, 2.0, "t0/checkpoint_000000", 0.9, 0.2, "* 1.2")]


def test_the_checkpoints_view_says_what_is_deleted(path, journal):
    play(journal)
    second = Saved("t1", 2, "t1/checkpoint_000000", 4, 4.0, 2.0)
    play(journal, [([second], []), ([Released(("t0/checkpoint_000000",))], [])])
    text = "SELECT trial, checkpoint, step, score, bytes, file_count, is_deleted FROM checkpoints"
    assert query(path, text) == [
        ("t0", "t0/checkpoint_000000", 2, 2.0, 10, 1, 1),
        ("t1", "t1/checkpoint_000000", 4, None, 0, 0, 0),
    ]


def test_a_full_disk_leaves_the_journal_as_it_was(path, journal):
    journal.append([Opened(1)], [row("t0", 1, 0, 1)], 0.0)
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count={pages}")
    big = Failed("t0", 1, "E", "m", "x" * 1_000_000)
    with pytest.raises(StorageFull, match="is full"):
        journal.append([Opened(2), big], [row("t0", 1, 0, 2)], 0.0)
    journal._connection.execute("PRAGMA max_page_count=1000000")
    journal.append([Opened(3)], [], 0.0)
    assert [(it.id, it.commit, it.record) for it in journal.entries()] == [
        (1, 1, Opened(1)),
        (2, 2, Opened(3)),
    ]
    assert query(path, "SELECT step FROM reports") == [(1,)]


def test_a_reader_sees_each_commit_while_the_writer_is_at_work(path, journal):
    with JournalReader(path.parent) as reader:
        assert reader.header == HEADER
        assert list(reader.entries()) == []
        for count, (records, rows) in enumerate(HISTORY, start=1):
            journal.append(records, rows, 5.0)
            seen = sum(len(records) for records, _ in HISTORY[:count])
            assert len(list(reader.entries())) == seen
        assert reader.report_count() == 4
        journal.idle()
        assert len(list(reader.reports())) == 4


def test_a_snapshot_stands_still_while_the_writer_goes_on(path, journal):
    journal.append([Opened(1)], [row("t0", 1, 0, 1)], 0.0)
    with JournalReader(path.parent) as reader:
        with reader.snapshot():
            assert len(list(reader.entries())) == 1
            journal.append([Opened(2)], [row("t0", 1, 0, 2)], 0.0)
            assert (len(list(reader.entries())), reader.report_count()) == (1, 1)
        assert (len(list(reader.entries())), reader.report_count()) == (2, 2)


def test_a_reader_in_the_middle_of_a_query_stops_no_commit(path, journal):
    play(journal)
    with JournalReader(path.parent) as reader:
        entries = reader.entries()
        first = next(entries)
        journal.append([Opened(2)], [], 0.0)
        assert first.record == Opened(1)
        assert Opened(2) not in [it.record for it in entries]
        assert Opened(2) in [it.record for it in reader.entries()]


def test_a_reader_that_is_still_there_loses_nothing_when_the_writer_closes(path, journal):
    play(journal)
    with JournalReader(path.parent) as reader:
        count = len(list(reader.entries()))
        journal.close()
        assert len(list(reader.entries())) == count
    with JournalReader(path.parent) as reader:
        assert len(list(reader.entries())) == count


def test_a_reader_cannot_write(path, journal):
    with JournalReader(path.parent) as reader:  # noqa: SIM117  the raising line matters
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM reports")


def test_readers_get_each_step_once_unless_they_ask_for_more(path, journal):
    play(journal, HISTORY[:5])
    again = Started("t0", 2, 0, 0, 1, 0.5, supersedes=True)
    play(journal, [([Opened(2), again], []), ([], [row("t0", 2, 0, 2)])])
    with JournalReader(path.parent) as reader:
        assert [(it.attempt, it.step) for it in reader.reports("t0")] == [(1, 1), (2, 2)]
        everything = [(it.attempt, it.step) for it in reader.reports("t0", superseded=True)]
        assert everything == [(1, 1), (1, 2), (2, 2)]
        assert reader.last_reports()["t0"].attempt == 2


def test_a_trial_without_reports_has_no_last_one(path, journal):
    play(journal)
    with JournalReader(path.parent) as reader:
        assert {trial: it.step for trial, it in reader.last_reports().items()} == {"t0": 2, "t1": 3}
        assert list(reader.reports("t3")) == []


def test_a_folder_without_a_journal_is_no_run(tmp_path):
    with pytest.raises(RunUnreadable, match=r"no run of pbtune"):
        JournalReader(tmp_path)
    with pytest.raises(RunUnreadable, match=r"no run of pbtune"):
        SqliteJournal.open(tmp_path / "run.db")


def test_a_folder_with_a_difficult_name_is_read(tmp_path):
    folder = tmp_path / "50% of #1? über'"
    folder.mkdir()
    SqliteJournal.create(folder / "run.db", HEADER).close()
    with JournalReader(folder) as reader:
        assert reader.header == HEADER


BROKEN = {
    "a text": lambda path: path.write_bytes(b"this is no database, " * 1000),
    "half of the file": lambda path: path.write_bytes(path.read_bytes()[: 4096 + 100]),
    "an empty file": lambda path: path.write_bytes(b""),
    "a database without a header": lambda path: change(path, "DELETE FROM meta"),
    "a header that is no JSON": lambda path: change(
        path, "UPDATE meta SET value = '{' WHERE key = 'header'"
    ),
    "a header of other fields": lambda path: change(
        path, "UPDATE meta SET value = '[1]' WHERE key = 'header'"
    ),
    "a format that is no number": lambda path: change(
        path, "UPDATE meta SET value = 'x' WHERE key = 'format'"
    ),
    "another program's database": lambda path: change(path, "DROP TABLE meta"),
}


def change(path, text):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(text)
    connection.close()


@pytest.mark.parametrize("break_it", BROKEN.values(), ids=BROKEN)
def test_a_damaged_file_is_refused_by_name(path, journal, break_it):
    play(journal)
    journal.close()
    break_it(path)
    for entrance in (SqliteJournal.open, lambda path: JournalReader(path.parent)):
        with pytest.raises(RunUnreadable, match=r"run\.db"):
            entrance(path)


def test_damage_further_inside_is_named_when_it_is_met(path, journal):
    play(journal)
    journal.append([], [row("t0", 1, 0, step) for step in range(3, 3000)], 0.0)
    journal.close()
    content = bytearray(path.read_bytes())
    content[40 * 4096 :] = b"\xff" * (len(content) - 40 * 4096)
    path.write_bytes(content)
    with JournalReader(path.parent) as reader:  # noqa: SIM117  the raising line matters
        with pytest.raises(RunUnreadable, match=r"run\.db"):
            list(reader.reports())


def test_a_newer_format_is_refused_with_advice(path, journal):
    journal.close()
    change(path, "UPDATE meta SET value = '2' WHERE key = 'format'")
    for entrance in (SqliteJournal.open, lambda path: JournalReader(path.parent)):
        with pytest.raises(RunUnreadable, match=r"newer pbtune \(format 2\): upgrade pbtune"):
            entrance(path)


def test_opening_a_damaged_file_lets_go_of_it(path, journal):
    journal.close()
    change(path, "DELETE FROM meta")
    with pytest.raises(RunUnreadable):
        SqliteJournal.open(path)
    change(path, "PRAGMA journal_mode=DELETE")
    assert query(path, "PRAGMA journal_mode") == [("delete",)]


def test_what_other_code_kept_counts_as_nothing(path, journal):
    journal.append([Opened(1)], [], 0.0)
    journal.keep(Folded())
    assert journal.kept() == (1, Folded())
    journal._connection.execute("UPDATE folded SET code = 'another'")
    assert journal.kept() == (0, Folded())


def test_what_was_kept_is_no_loss_when_it_is_damaged(path, journal):
    journal.append([Opened(1)], [], 0.0)
    journal.keep(Folded())
    journal._connection.execute("UPDATE folded SET state = substr(state, 2)")
    assert journal.kept() == (0, Folded())
    with JournalReader(path.parent) as reader:
        assert reader.kept() == (0, Folded())


def test_a_database_of_an_earlier_version_gets_a_place_to_keep_it(path, journal):
    journal.append([Opened(1)], [], 0.0)
    journal._connection.execute("DROP TABLE folded")
    with JournalReader(path.parent) as reader:
        assert reader.kept() == (0, Folded())
    journal.close()
    again = SqliteJournal.open(path)
    again.keep(Folded())
    assert again.kept() == (1, Folded())
    again.close()


def test_a_full_disk_is_no_reason_to_stop_when_something_is_kept(path, journal):
    journal.append([Opened(1)], [], 0.0)
    (page_count,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {page_count}")
    journal.keep(Folded(notices=(Noticed("t0", "code", "x" * 100_000),)))
    assert journal.kept() == (0, Folded())
    assert journal.append([Opened(2)], [], 0.0) == 2
