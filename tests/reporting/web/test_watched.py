"""What the page knows of a run, beside what the driver's own fold says."""

import sqlite3
from contextlib import closing

import pytest

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.errors import RunUnreadable
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal
from pbtune.reporting.lineage import lineage, winner
from pbtune.reporting.snapshot import RunView
from pbtune.reporting.web import watched as module
from pbtune.reporting.web.answers import curves, state
from pbtune.reporting.web.curves import Curves
from pbtune.reporting.web.runs import Runs
from pbtune.reporting.web.watched import Watched
from pbtune.testing.made_run import MadeRun


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(module, "FRESH_S", 0.0)


@pytest.fixture
def made(tmp_path):
    run = MadeRun(tmp_path / "made", 8)
    yield run
    run.end()


def agrees(run_dir):
    """Fails where the page's members differ from the fold of every record."""
    watched = Watched(run_dir)
    with JournalReader(run_dir) as reader:
        view = RunView(reader)
        best = winner(view, reader)
        members = watched.population.members
        assert list(members) == [trial.id for trial in view.trials]
        for trial in view.trials:
            member = members[trial.id]
            assert member.config == trial.config
            assert (member.segment, member.status) == (trial.segment, trial.status)
            assert (member.parent, member.failures) == (trial.parent, trial.failures)
            pieces = lineage(view, trial.id)
            found = watched.population.pieces(trial.id)
            assert [(it.trial, it.segment) for it in pieces] == [
                (node.trial, node.segment) for node, _ in found
            ]
        assert watched.population.is_ended == view.is_ended
        assert len(watched.population.exploits) == len(view.exploits)
        assert watched.winner().id == best.id
        assert watched.last == reader.last_reports()


def test_it_knows_the_members_and_their_tree_as_the_driver_does(run_dir, made):
    agrees(run_dir)
    made.train(5)
    agrees(made.folder)


def test_what_comes_bit_by_bit_is_what_comes_at_once(made):
    bit_by_bit = Watched(made.folder)
    told = state(bit_by_bit, -1)
    members = {it["number"]: it for it in told["members"]}
    nodes = {it["key"]: it for it in told["nodes"]}
    for _ in range(4):
        made.train()
        bit_by_bit.refresh()
        change = state(bit_by_bit, told["version"])
        assert not change["is_whole"]
        members.update((it["number"], it) for it in change["members"])
        nodes.update((it["key"], it) for it in change["nodes"])
        told = change
    whole = state(Watched(made.folder), -1)
    assert list(members.values()) == whole["members"]
    assert list(nodes.values()) == whole["nodes"]
    assert told["lineage_count"] == whole["lineage_count"] >= 1


def test_curves_that_grow_are_those_that_are_read_at_once(made, monkeypatch):
    monkeypatch.setattr("pbtune.reporting.web.curves.POINTS_MAX", 8 * 40)
    growing = Curves("accuracy", 8)
    for _ in range(9):
        made.train()
        with JournalReader(made.folder) as reader:
            growing.advance(reader, made.step * 8, made.step)
    assert growing.size > 1
    at_once = Curves("accuracy", 8)
    with JournalReader(made.folder) as reader:
        at_once.advance(reader, made.step * 8, made.step)
        values = {trial: [] for trial in made.trials}
        for report in reader.reports():
            values[report.trial].append(report.metrics()["accuracy"])
    if at_once.size == growing.size:
        assert growing.points(made.trials) == at_once.points(made.trials)
    for trial, line in zip(made.trials, growing.points(made.trials)[1], strict=True):
        known = [it for it in line if it is not None]
        assert (min(known), max(known)) == (min(values[trial]), max(values[trial]))
        assert len(known) <= 4 * 40


def test_many_reports_are_shown_roughly_at_once_and_exactly_soon(made, monkeypatch):
    monkeypatch.setattr("pbtune.reporting.web.curves.POINTS_MAX", 8 * 40)
    monkeypatch.setattr("pbtune.reporting.web.curves.CHUNK_REPORTS", 300)
    made.train(12)
    watched = Watched(made.folder)
    seen = []
    for _ in range(9):
        answer = curves(watched, watched.curves("accuracy"), -1)
        seen.append((answer["is_rough"], answer["is_complete"]))
        assert answer["steps"][-1] >= made.step - answer["size"]
    assert seen[0] == (True, False)
    assert seen[-1] == (False, True)


def test_steps_that_were_done_again_are_read_again(made_up, row, tmp_path):
    first = [e.Opened(1), d.Created("t0", 0, {"lr": 1.0}), d.Started("t0", 1, 0, 0, 0, 0.0)]
    rows = [row("t0", step, f'{{"score":{step}}}') for step in (1, 2, 3)]
    folder = made_up([(first, rows)])
    watched = Watched(folder)
    assert watched.curves("score").points(["t0"]) == ([1, 2, 3], [[1, 2, 3]])
    journal = SqliteJournal.open(folder / "run.db")
    again = [e.Opened(2), d.Started("t0", 2, 0, 0, 1, 0.5, supersedes=True)]
    journal.append(again, [], 1020.0)
    watched.refresh()
    assert watched.curves("score").points(["t0"]) == ([1], [[1]])
    assert watched.score("t0") == 1
    journal.append([], [row("t0", 2, '{"score":20}', attempt=2)], 1021.0)
    journal.close()
    watched.refresh()
    assert watched.curves("score").points(["t0"]) == ([1, 2], [[1, 20]])
    assert watched.score("t0") == 20


def test_a_run_in_another_ones_place_is_told_whole(tmp_path):
    folder = tmp_path / "same"
    old = MadeRun(folder, 8)
    old.train(3)
    old.end()
    watched = Watched(folder)
    known = watched.population.version
    (folder / "run.db").rename(tmp_path / "gone.db")
    folder.rmdir()
    new = MadeRun(folder, 4)
    new.train()
    watched.refresh()
    told = state(watched, known)
    assert told["is_whole"]
    assert len(told["members"]) == 4
    new.end()


@pytest.mark.parametrize(
    "record",
    [
        d.Exploited("t0", "t9", "t9", {}, "t9/checkpoint_000000", 1, 1.0, 1.0, 1.0, 1, {}, {}),
        d.Exploited("t0", "t0", "t0", {}, "never", 1, 1.0, 1.0, 1.0, 1, {}, {}),
        d.Started("t9", 1, 0, 0, 0, 0.0),
        e.Rewound("t0", "never", 0, 0.0, 0.0, {}),
    ],
)
def test_records_that_name_what_is_not_there_make_a_run_unreadable(made_up, record):
    folder = made_up([([d.Created("t0", 0, {}), record], [])])
    with pytest.raises(RunUnreadable):
        Watched(folder)


def test_a_ring_of_ancestors_makes_a_run_unreadable(made_up):
    begun = [d.Created(trial, at, {}) for at, trial in enumerate(("t0", "t1"))]
    anew = [d.Restarted("t0", {}, 0, 0.0, 0.0)] * 5
    saved = e.Saved("t0", 1, "c", 1, 1.0, 1.0)
    # The checkpoint is one of a fifth segment, which t1 has not come to.
    ring = d.Exploited("t1", "t1", "t1", {}, "c", 1, 1.0, 1.0, 1.0)
    folder = made_up([([*begun, *anew, saved, ring], [])])
    with pytest.raises(RunUnreadable):
        Watched(folder)


def test_the_list_counts_only_what_is_new(made):
    runs = Runs(made.folder.parent)
    (before,) = runs.rows()
    made.train(2)
    (after,) = runs.rows()
    assert (before["exploit_count"], after["exploit_count"]) == (0, 4)
    assert (before["report_count"], after["report_count"]) == (0, 160)
    with JournalReader(made.folder) as reader:
        last = [it.metrics()["accuracy"] for it in reader.last_reports().values()]
    assert after["best"] == max(last)


def test_a_reader_can_write_nothing(made):
    with JournalReader(made.folder) as reader:
        for query in ("DELETE FROM events", "CREATE TABLE x (y)", "PRAGMA user_version = 7"):
            with pytest.raises(RunUnreadable, match="readonly"):
                list(reader.rows(query))


def test_a_program_in_a_tables_place_is_not_run(made_up):
    folder = made_up([([d.Created("t0", 0, {})], [])])
    with closing(sqlite3.connect(folder / "run.db")) as connection:
        connection.execute("DROP VIEW trials")
        connection.execute("DROP TABLE reports")
        connection.execute(
            "CREATE VIEW reports AS WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1"
            " FROM n) SELECT id, 't0' AS trial, id AS step FROM n"
        )
    with pytest.raises(RunUnreadable, match="other tables"):
        Watched(folder)
