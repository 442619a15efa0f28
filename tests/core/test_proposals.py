import math

from pbtune.core.encoding import dimensions
from pbtune.core.experiment import Interval
from pbtune.core.proposals import TrustRegion, region, rows_of
from pbtune.core.space import uniform

SPACE = dimensions({"x": uniform(0.0, 1.0)})


def rounds(*best):
    """Two members a round, of which t0 reaches these scores."""
    return [
        Interval(f"t{at}", at, g + 1, g * 5.0, g * 5.0 + 5, 0.0, score - at, {"x": 0.5})
        for g, score in enumerate(best)
        for at in (0, 1)
    ]


def test_a_region_grows_with_successes_and_shrinks_with_failures():
    settings = TrustRegion(failure_count=2, success_count=3)
    assert region(rounds(), settings) == (0.4, 0)
    # The last round is not over yet.
    assert region(rounds(1, 2, 3, 0), settings) == (0.4 * 1.5, 0)
    assert region(rounds(5, 1, 1, 0), settings) == (0.4 / 1.5, 0)


def test_a_region_is_at_most_the_whole_range():
    assert region(rounds(*range(60)), TrustRegion())[0] == 1.0


def test_without_a_new_best_for_long_what_was_learned_is_dropped():
    history = rounds(5, 1, 1, 1, 2)
    assert region(history, TrustRegion(patience=3)) == (0.4, 8)


def test_a_region_that_is_too_small_begins_anew():
    settings = TrustRegion(failure_count=1, patience=99)
    # 0.4 / 1.5² is the last side above 0.15.
    assert region(rounds(5, 1, 1, 0), settings) == (0.4 / 1.5 / 1.5, 0)
    assert region(rounds(5, 1, 1, 1, 0), settings) == (0.4, 8)


def test_rows_are_gains_per_unit_of_progress_and_the_last_so_many():
    history = [
        Interval("t0", 0, 1, 0.0, 5.0, None, 1.0, {"x": 0.1}),
        Interval("t0", 0, 2, 5.0, 10.0, 1.0, 11.0, {"x": 0.2}),
        Interval("t0", 0, 3, 10.0, 20.0, 11.0, 1.0, {"x": 0.3}),
        Interval("t0", 0, 4, 20.0, 25.0, 1.0, math.nan, {"x": 0.4}),
        Interval("t0", 0, 5, 25.0, 30.0, math.inf, 1.0, {"x": 0.5}),
        Interval("t0", 0, 6, 30.0, 30.0, 1.0, 2.0, {"x": 0.6}),
    ]
    rows = rows_of(history, SPACE, 10)
    assert [(row.generation, row.score_before, row.gain) for row in rows] == [
        (2, 1.0, 2.0),
        (3, 11.0, -1.0),
    ]
    assert rows_of(history, SPACE, 1) == rows[1:]
