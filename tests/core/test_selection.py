import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbtune.core.ranking import entry
from pbtune.core.selection import (
    BinaryTournament,
    Contest,
    GapThreshold,
    Truncation,
    TTest,
    welch,
)
from pbtune.core.trial import Rank, Trial

SCORES = st.lists(st.sampled_from([math.nan, -1.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=12)
RULES = [Truncation(), BinaryTournament(), GapThreshold(), TTest(window=2)]


def contest(trial, scores, seed=0, windows=None, fraction=0.25):
    """A contest of t0, t1, … with these scores; windows are their last ones."""
    windows = windows or [(score,) for score in scores]
    trials = {
        f"t{at}": Trial(
            f"t{at}", at, {}, rank=Rank(score, 1, 1.0, 1.0, {}, "c", scores=windows[at])
        )
        for at, score in enumerate(scores)
    }
    ranking = sorted(entry(score, at, f"t{at}") for at, score in enumerate(scores))
    own = windows[int(trial[1:])]
    return Contest(trial, ranking, trials, fraction, random.Random(seed), own)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@given(SCORES, st.integers(0, 99))
def test_nobody_is_replaced_by_a_worse_one_by_nan_or_by_itself(rule, scores, seed):
    for at, score in enumerate(scores):
        for name in rule.rivals(contest(f"t{at}", scores, seed)) or []:
            theirs = scores[int(name[1:])]
            assert name != f"t{at}"
            assert not math.isnan(theirs)
            assert not theirs < score


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_nan_member_is_replaced_by_any_number_that_it_meets(rule):
    assert rule.rivals(contest("t0", [math.nan, 1.0])) == ["t1"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_alone_a_member_trains_on(rule):
    assert rule.rivals(contest("t0", [1.0])) is None


def test_truncation_takes_the_bottom_and_offers_the_top():
    scores = [float(at) for at in range(8)]
    assert Truncation().rivals(contest("t1", scores)) == ["t6", "t7"]
    assert Truncation().rivals(contest("t2", scores)) is None


def test_a_tournament_is_lost_against_anybody_better():
    scores = [0.0, 1.0, 2.0, 3.0]
    met = {str(BinaryTournament().rivals(contest("t1", scores, seed))) for seed in range(50)}
    assert met == {"None", "['t2']", "['t3']"}


def test_a_tie_changes_nothing_in_a_tournament():
    assert BinaryTournament().rivals(contest("t0", [1.0, 1.0])) is None


def test_a_gap_must_be_exceeded():
    scores = [10.0, 10.5, 10.9, 11.5]
    assert GapThreshold(0.1).rivals(contest("t0", scores)) == ["t3"]
    assert GapThreshold(0.2).rivals(contest("t0", scores)) is None
    assert GapThreshold(0.0, absolute=1.5).rivals(contest("t0", scores)) is None


def test_a_t_test_wants_evidence_and_not_one_lucky_score():
    lucky = [(1.0, 1.1, 0.9, 1.0), (1.0, 0.8, 0.9, 2.0)]
    better = [(1.0, 1.1, 0.9, 1.0), (2.0, 2.1, 1.9, 2.0)]
    rule = TTest(window=4)
    assert rule.rivals(contest("t0", [1.0, 2.0], windows=lucky)) is None
    assert rule.rivals(contest("t0", [1.0, 2.0], windows=better)) == ["t1"]
    assert rule.rivals(contest("t1", [1.0, 2.0], windows=better)) is None


def test_a_t_test_looks_at_its_window_only():
    windows = [(9.0, 9.1, 1.0, 1.1), (0.0, 0.1, 2.0, 2.1)]
    assert TTest(window=2, alpha=0.1).rivals(contest("t0", [1.1, 2.1], windows=windows)) == ["t1"]


# By numerical integration of the t distribution.
@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], 0.287864),
        ([1.0, 2.0, 3.0, 4.0], [10.0, 10.5], 0.000536),
        ([0.0, 1.0], [0.0, 1.0], 1.0),
        ([1.0, 1.0], [1.0, 1.0], 1.0),
        ([1.0, 1.0], [2.0, 2.0], 0.0),
        ([1.0], [2.0, 3.0], 1.0),
        ([1.0, math.nan], [2.0, 3.0], 1.0),
    ],
)
def test_welchs_p_value(left, right, expected):
    assert welch(left, right) == pytest.approx(expected, abs=1e-5)
    assert welch(right, left) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TTest(window=1),
        lambda: TTest(window=33),
        lambda: TTest(alpha=0.0),
        lambda: GapThreshold(-0.1),
    ],
)
def test_settings_out_of_their_range_are_refused(make):
    with pytest.raises(ValueError, match="needs"):
        make()
