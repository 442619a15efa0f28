import pytest

from pbtune.core.decisions import Measured, Traced
from pbtune.core.milestones import scores_at
from pbtune.errors import EngineBug


def test_a_milestone_is_passed_once(population, folded):
    once = Measured("t0", 0, 4.0, 4, 4.0, 1.0)
    state = folded(once, state=population(1))
    with pytest.raises(EngineBug, match="t0 is measured at 4 after 4"):
        folded(once, state=state)


def test_the_scores_of_a_milestone_are_kept_worst_first(population, folded):
    records = [Measured(f"t{at}", 0, 4.0, 4, 4.0, score) for at, score in enumerate((2.0, 1.0))]
    state = folded(*records, state=population(2))
    assert [name for *_, name in scores_at(state, 0, 4.0)] == ["t1", "t0"]


def test_whole_numbers_are_the_same_as_floats(population, folded):
    whole = folded(Measured("t0", 0, 4, 4, 4, 1), Traced("t0", 4, 1), state=population(1))
    real = folded(Measured("t0", 0, 4.0, 4, 4.0, 1.0), Traced("t0", 4.0, 1.0), state=population(1))
    assert repr(whole) == repr(real)
    assert list(scores_at(whole, 0, 4)) == list(scores_at(real, 0, 4.0))
