"""Reports as Tune shows them."""

import pytest

from pbtune.core.decisions import Completed, Created, Exploited, Started
from pbtune.core.events import Failed, Opened, Saved
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal
from pbtune.reporting.rows import TrialRows
from pbtune.reporting.snapshot import RunView
from pbtune.tune import results

BEGUN = [Opened(1), Created("t0", 0, {"lr": 1.0}), Started("t0", 1, 0, 0, 0, 0.0)]


def shown(folder, trial="t0"):
    with JournalReader(folder) as reader:
        return list(TrialRows(RunView(reader), reader.reports(trial)))


def test_the_keys_that_tune_fills_in_are_there(made_up, row):
    reports = [row("t0", 1, '{"score":1}'), row("t0", 2, '{"score":2}', time_total_s=1.5)]
    first, second = shown(made_up([(BEGUN, reports)]))
    assert first == {
        "score": 1,
        "training_iteration": 1,
        "time_this_iter_s": 0.5,
        "time_total_s": 0.5,
        "time_since_restore": 0.5,
        "iterations_since_restore": 1,
        "timestamp": 1001,
        "date": first["date"],
        "done": False,
        "trial_id": "t0",
        "checkpoint_dir_name": None,
        "config": {"lr": 1.0},
    }
    assert second["time_this_iter_s"] == 1.0
    assert second["iterations_since_restore"] == 2


def test_the_date_reads_as_in_tune(made_up, row):
    [only] = shown(made_up([(BEGUN, [row("t0", 1, "{}")])]))
    date, time = only["date"].split("_")
    assert [len(part) for part in (*date.split("-"), *time.split("-"))] == [4, 2, 2, 2, 2, 2]


def test_the_users_own_values_stand_where_tune_lets_them(made_up, row):
    body = '{"training_iteration":70,"done":true,"time_total_s":9.5,"date":"mine","trial_id":"x"}'
    [only] = shown(made_up([(BEGUN, [row("t0", 1, body)])]))
    assert (only["training_iteration"], only["done"], only["time_total_s"]) == (70, True, 9.5)
    assert only["trial_id"] == "t0"
    assert only["date"] != "mine"


@pytest.mark.parametrize(
    ("reason", "is_done"), [("training_iteration >= 2", True), ("returned", False)]
)
def test_the_report_that_ended_a_trial_is_done(made_up, row, reason, is_done):
    reports = [row("t0", 1, "{}"), row("t0", 2, "{}")]
    rows = shown(made_up([(BEGUN, reports), ([Completed("t0", reason)], [])]))
    assert [it["done"] for it in rows] == [False, is_done]


def test_a_copy_goes_on_from_its_donors_steps_and_time(made_up, row):
    donor = [Created("t1", 1, {"lr": 2.0}), Started("t1", 1, 1, 0, 0, 0.0)]
    saved = Saved("t1", 1, "t1/checkpoint_000004", 8, 8.0, 40.0)
    copied = Exploited(
        "t0", "t1", "t1", {"lr": 2.4}, "t1/checkpoint_000004", 8, 8.0, 40.0, 1.0, old_step=1
    )
    again = Started("t0", 2, 0, 1, 8, 40.0, "t1/checkpoint_000004")
    reports = [row("t0", 1, "{}"), row("t0", 9, "{}", 2, 1, time_total_s=41.0)]
    rows = shown(made_up([([*BEGUN, *donor, saved, copied, again], reports)]))
    assert [it["training_iteration"] for it in rows] == [1, 9]
    assert [it["time_total_s"] for it in rows] == [0.5, 41.0]
    assert [it["time_this_iter_s"] for it in rows] == [0.5, 1.0]
    assert [it["iterations_since_restore"] for it in rows] == [1, 1]
    assert [it["config"]["lr"] for it in rows] == [1.0, 2.4]


def test_a_checkpoint_is_named_by_its_folder(made_up, row):
    reports = [row("t0", 1, "{}", checkpoint="t0/checkpoint_000010")]
    [only] = shown(made_up([(BEGUN, reports)]))
    assert only["checkpoint_dir_name"] == "checkpoint_000010"


def test_a_step_that_was_done_again_is_shown_once(made_up, row):
    crash = [Failed("t0", 1, "E", "m"), Started("t0", 2, 0, 0, 0, 0.0, supersedes=True)]
    history = [(BEGUN, [row("t0", 1, '{"a":1}')]), (crash, [row("t0", 1, '{"a":2}', 2)])]
    assert [it["a"] for it in shown(made_up(history))] == [2]


def test_a_trained_run_has_every_step_and_times_that_grow(trained):
    for result in trained:
        steps = [row["training_iteration"] for row in result.rows]
        times = [row["time_total_s"] for row in result.rows]
        assert steps[-1] == 12
        assert times[-1] > 0
        assert all(row["time_this_iter_s"] >= 0 for row in result.rows)
        assert result.metrics["done"] is True


def test_results_of_a_run_are_those_of_one_moment(made_up, row, monkeypatch):
    folder = made_up([(BEGUN, [row("t0", 1, '{"score":1}')])])
    writer = SqliteJournal.open(folder / "run.db")

    class Slow(RunView):
        def __init__(self, reader):
            super().__init__(reader)
            retried = [Failed("t0", 1, "E", "m"), Started("t0", 2, 0, 0, 0, 0.0)]
            writer.append(retried, [row("t0", 2, '{"score":2}', attempt=2)], 0.0)

    monkeypatch.setattr(results, "RunView", Slow)
    try:
        assert [it["score"] for it in results.ResultGrid(folder)[0].rows] == [1]
    finally:
        writer.close()


def test_a_value_of_nan_comes_back(made_up, row):
    [only] = shown(made_up([(BEGUN, [row("t0", 1, '{"score":{"$float":"nan"}}')])]))
    assert only["score"] != pytest.approx(only["score"])
