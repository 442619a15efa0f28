import random

import msgspec
import numpy as np
import pytest

from pbtune.core.encoding import Point
from pbtune.core.proposals import Question, Row
from pbtune.models.gp import GRID, Parameters, Places, distances, fitted, kernel, propose


def question(gain, *, count=60, numbers=2, categories=(), seed=0, **changes):
    """Past intervals at random configs, eight a generation, and what each gained."""
    rng = random.Random(seed)
    rows = []
    for at in range(count):
        point = Point(
            tuple(rng.random() for _ in range(numbers)),
            tuple(rng.randrange(size) for size in categories),
        )
        time = at // 8 + 1
        rows.append(Row(time, float(time), point, gain(point, time) + rng.gauss(0, 0.02)))
    centre = Point((0.3,) * numbers, (0,) * len(categories))
    values = {
        "rows": tuple(rows),
        "centre": centre,
        "generation": count // 8 + 1,
        "score": count / 8,
        "pending": (centre,) * 3,
        "category_counts": categories,
        "seed": seed,
    }
    return Question(**{**values, **changes})


def test_the_best_numbers_are_found():
    found = propose(question(lambda point, _: -sum((x - 0.8) ** 2 for x in point.numbers)))
    assert found.numbers == (pytest.approx(0.8, abs=0.15),) * 2


def test_the_best_category_is_found_among_numbers():
    def gain(point, _):
        return (point.categories[0] == 2) - (point.numbers[0] - 0.2) ** 2

    found = propose(question(gain, numbers=1, categories=(3, 2)))
    assert found.categories[0] == 2
    assert found.numbers[0] == pytest.approx(0.2, abs=0.25)


def test_categories_alone_are_enough():
    found = propose(question(lambda point, _: point.categories[0] == 1, numbers=0, categories=(4,)))
    assert found == Point((), (1,))


def test_an_optimum_that_has_moved_is_followed():
    def gain(point, time):
        goal = 0.1 if time < 12 else 0.9
        return -((point.numbers[0] - goal) ** 2)

    found = propose(question(gain, count=200, numbers=1))
    assert found.numbers[0] > 0.6


def test_the_same_question_has_the_same_answer_and_another_seed_another():
    def gain(point, _):
        return point.numbers[0]

    asked = question(gain, numbers=4)
    assert propose(asked) == propose(asked)
    assert propose(asked) != propose(question(gain, numbers=4, seed=1))


def test_global_generators_are_left_alone():
    state = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002  the global one
    propose(question(lambda point, _: point.numbers[0]))
    after = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    assert after == state


def test_a_region_is_not_left():
    asked = question(
        lambda point, _: point.numbers[0] + sum(point.categories),
        categories=(3, 3, 3),
        side=0.2,
        changes_max=1,
    )
    found = propose(asked)
    assert all(abs(x - 0.3) <= 0.1 + 1e-9 for x in found.numbers)
    assert sum(a != b for a, b in zip(found.categories, (0, 0, 0), strict=True)) <= 1


def test_what_others_try_is_not_tried_again():
    # Given gains that say nothing, so that only what is unknown attracts
    rows = tuple(Row(1, 1.0, Point((x,)), 1.0) for x in (0.1, 0.2, 0.9))
    asked = Question(rows, Point((0.3,)), 2, 1.0, (), (), seed=1)
    alone = propose(asked)
    taken = propose(msgspec.structs.replace(asked, pending=(alone,) * 3))
    assert abs(taken.numbers[0] - alone.numbers[0]) > 0.1


@pytest.mark.parametrize("gain", [lambda _point, _time: 1.0, lambda point, _time: 1e300])
def test_gains_without_differences_are_no_error(gain):
    rows = tuple(Row(1, 2.0, Point((0.5,)), gain(None, None)) for _ in range(5))
    found = propose(Question(rows, Point((0.5,)), 2, 2.0, (), (), 1))
    assert 0 <= found.numbers[0] <= 1


def test_repeated_rows_leave_the_kernel_sound():
    places = Places(*[np.zeros((40, width)) for width in (2, 1)], np.zeros(40), np.zeros(40))
    best = fitted(places, np.ones(40))
    assert best._fields == Parameters()._fields
    assert all(getattr(best, name) in values for name, values in GRID.items())


def test_a_kernel_is_one_at_its_own_place_and_falls_with_distance_category_and_time():
    def places(x, category, time):
        return Places(np.array([[x]]), np.array([[category]]), np.zeros(1), np.array([time]))

    here = places(0.5, 1.0, 3.0)
    others = [here, places(0.9, 1.0, 3.0), places(0.5, 0.0, 3.0), places(0.5, 1.0, 9.0)]
    values = [float(kernel(distances(here, it), Parameters())[0, 0]) for it in others]
    assert values[0] == pytest.approx(1.0)
    assert all(0 < value < 1 for value in values[1:])
