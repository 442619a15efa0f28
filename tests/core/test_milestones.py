import pytest

from pbtune.core.decisions import Measured
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
