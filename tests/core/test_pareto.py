from hypothesis import given
from hypothesis import strategies as st

from pbtune.core.pareto import best_first, dominates, fronts, scattered

POINTS = st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=1, max_size=14)


@given(POINTS)
def test_nobody_in_a_front_is_dominated_by_its_own_or_a_later_one(points):
    found = fronts(points)
    assert sorted(index for front in found for index in front) == list(range(len(points)))
    for at, front in enumerate(found):
        later = [index for rest in found[at:] for index in rest]
        assert not any(dominates(points[one], points[index]) for one in later for index in front)
        if at:
            assert all(any(dominates(points[b], points[i]) for b in found[at - 1]) for i in front)


def test_a_front_is_scattered_from_its_ends():
    points = [(0.0, 10.0), (1.0, 9.0), (5.0, 5.0), (9.0, 1.0), (10.0, 0.0)]
    assert scattered(points, range(5)) == [4, 0, 2, 1, 3]


def test_units_do_not_count():
    points = [(0.0, 10.0), (1.0, 9.0), (5.0, 5.0), (9.0, 1.0), (10.0, 0.0)]
    stretched = [(a * 1000, b) for a, b in points]
    assert scattered(stretched, range(5)) == scattered(points, range(5))


def test_equal_and_infinite_points_have_an_order_too():
    assert best_first([(1.0, 1.0), (1.0, 1.0)]) == [0, 1]
    assert best_first([(float("inf"), 0.0), (1.0, 1.0), (0.0, 0.0)]) == [0, 1, 2]
