"""The path back through the copies."""

import math

import pytest

from pbtune.core.decisions import Created, Exploited, Started
from pbtune.core.events import Opened, Saved
from pbtune.journal.reader import JournalReader
from pbtune.reporting.lineage import Piece, lineage, number, winner
from pbtune.reporting.snapshot import RunView


def begun(*trials):
    created = [Created(name, at, {"lr": 1.0}) for at, name in enumerate(trials)]
    return [Opened(1), *created, *(Started(it, 1, at, 0, 0, 0.0) for at, it in enumerate(trials))]


def saved(trial, step, attempt=1):
    return Saved(trial, attempt, f"{trial}/checkpoint_{step:06d}", step, step, step / 2)


def copied(trial, donor, step, attempt, segment, slot):
    checkpoint = f"{donor}/checkpoint_{step:06d}"
    time_s = step / 2
    return [
        Exploited(trial, donor, donor, {"lr": 2.0}, checkpoint, step, step, time_s, 1.0),
        Started(trial, attempt, slot, segment, step, time_s, checkpoint),
    ]


@pytest.fixture
def view_of(made_up):
    def make(records):
        with JournalReader(made_up([(records, [])])) as reader:
            return RunView(reader)

    return make


def test_a_member_that_was_never_replaced_is_one_piece(view_of):
    assert lineage(view_of(begun("t0")), "t0") == [Piece("t0", 0, 0, math.inf)]


def test_a_copy_continues_its_donors_piece(view_of):
    view = view_of([*begun("t0", "t1"), saved("t0", 4), *copied("t1", "t0", 4, 2, 1, 1)])
    assert lineage(view, "t1") == [Piece("t0", 0, 0, 4), Piece("t1", 1, 4, math.inf)]


def test_a_donor_that_became_a_copy_later_gives_the_piece_that_it_saved_in(view_of):
    view = view_of(
        [
            *begun("t0", "t1"),
            *(saved("t0", 4), saved("t1", 6)),
            *copied("t1", "t0", 4, 2, 1, 1),
            *copied("t0", "t1", 6, 2, 1, 0),
        ]
    )
    assert lineage(view, "t0") == [Piece("t1", 0, 0, 6), Piece("t0", 1, 6, math.inf)]
    assert lineage(view, "t1") == [Piece("t0", 0, 0, 4), Piece("t1", 1, 4, math.inf)]


def test_copies_of_copies_are_followed_to_the_beginning(view_of):
    view = view_of(
        [
            *begun("t0", "t1", "t2"),
            *(saved("t0", 2), *copied("t1", "t0", 2, 2, 1, 1)),
            *(saved("t1", 5, attempt=2), *copied("t2", "t1", 5, 2, 1, 2)),
            *(saved("t2", 7, attempt=2), *copied("t0", "t2", 7, 2, 1, 0)),
        ]
    )
    assert lineage(view, "t0") == [
        *(Piece("t0", 0, 0, 2), Piece("t1", 1, 2, 5), Piece("t2", 1, 5, 7)),
        Piece("t0", 1, 7, math.inf),
    ]


def test_the_lineage_of_a_trained_run_has_each_step_once(trained, reader):
    view = RunView(reader)
    for trial in view.trials:
        pieces = lineage(view, trial.id)
        reports = [it for it in reader.reports() if any(piece.holds(it) for piece in pieces)]
        assert sorted(it.step for it in reports) == list(range(1, 13))


def test_a_trained_runs_score_is_the_sum_of_its_schedule(reader):
    view = RunView(reader)
    for trial in view.trials:
        score = 0.0
        for piece in lineage(view, trial.id):
            lr = view.configs[piece.trial, piece.segment]["lr"]
            score += lr * (min(piece.end_step, 12) - piece.start_step)
        assert reader.last_reports()[trial.id].metrics()["score"] == pytest.approx(score)


def scored(made_up, row, *bodies, **header):
    names = [f"t{at}" for at in range(len(bodies))]
    rows = [row(name, 1, body) for name, body in zip(names, bodies, strict=True) if body]
    with JournalReader(made_up([(begun(*names), rows)], **header)) as reader:
        best = winner(RunView(reader), reader)
    return None if best is None else best.id


def test_the_winner_has_the_best_last_report(made_up, row):
    assert scored(made_up, row, '{"score":1}', '{"score":3}', '{"score":2}') == "t1"


def test_the_winner_by_a_loss_has_the_lowest(made_up, row):
    assert scored(made_up, row, '{"score":2}', '{"score":-1}', mode="min") == "t1"


def test_the_first_of_equals_wins(made_up, row):
    assert scored(made_up, row, '{"score":2}', '{"score":2}') == "t0"


@pytest.mark.parametrize("body", ['{"score":{"$float":"nan"}}', '{"score":"high"}', "{}", ""])
def test_who_cannot_be_compared_cannot_win(made_up, row, body):
    assert scored(made_up, row, body, '{"score":-5}') == "t1"
    assert scored(made_up, row, body, name="alone") is None


def test_without_a_metric_nobody_wins(made_up, row):
    assert scored(made_up, row, '{"score":1}', metric=None) is None


@pytest.mark.parametrize(
    ("values", "path", "expected"),
    [
        ({"a": {"b": 2}}, "a/b", 2.0),
        ({"a/b": 3}, "a/b", 3.0),
        ({"a/b": 3, "a": {"b": 2}}, "a/b", 3.0),
        ({"a": True}, "a", 1.0),
    ],
)
def test_a_number_is_found_under_its_path(values, path, expected):
    assert number(values, path) == expected


@pytest.mark.parametrize("values", [{}, {"a": None}, {"a": "1"}, {"a": [1]}, {"a": 1}, 5])
def test_what_is_no_number_is_nan(values):
    assert math.isnan(number(values, "a/b"))
