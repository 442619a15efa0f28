"""The problems are what their formulas say, and their bounds are bounds."""

import numpy as np
import pytest
from benchmarks.comparison.problems import quadratic
from benchmarks.comparison.problems.base import Job
from benchmarks.comparison.problems.cartpole import CartPole
from benchmarks.comparison.problems.deceptive import Deceptive, Walker, score_of, walked
from benchmarks.comparison.problems.drifting import DriftingMixed
from benchmarks.comparison.problems.quadratic import Quadratic, loss_and_slope
from benchmarks.comparison.problems.triangle import Triangle


def test_the_gradient_of_the_quadratic_is_its_slope():
    rates = np.geomspace(0.9, 0.05, 12)
    loss, slope = loss_and_slope(rates)
    for at in (0, 5, 11):
        moved = rates.copy()
        moved[at] += 1e-6
        assert (loss_and_slope(moved)[0] - loss) / 1e-6 == pytest.approx(slope[at], rel=1e-3)


def test_the_quadratics_best_constant_is_the_known_one():
    best = quadratic._ends(quadratic.GRID, Quadratic.total).min()
    assert best == pytest.approx(0.1469, abs=2e-4)


def test_a_shrunk_quadratic_that_was_never_trained_is_where_it_began():
    problem = Quadratic(0)
    first = problem.begin(0)
    [after] = problem.train([Job(first, {"lr": 0.1, "restarts": 1}, 0, 0, (0,))])
    assert problem.score(after) == pytest.approx(problem.score(first))


def test_on_the_deceptive_toy_the_line_is_far_better_than_what_greed_takes():
    line, greedy = Walker(), Walker()
    for block in range(50):
        line = walked(line, 1.0 - block * 0.02, 20, Deceptive.weight)
        greedy = walked(greedy, 1e-4, 20, Deceptive.weight)
    assert score_of(line) == pytest.approx(1.1979, abs=2e-3)
    assert score_of(greedy) == pytest.approx(0.827, abs=2e-3)
    first = [walked(Walker(), h, 20, Deceptive.weight) for h in (1.0, 1e-4)]
    assert score_of(first[1]) > score_of(first[0])


def test_a_walker_may_be_interrupted_anywhere():
    whole = walked(Walker(), 0.4, 50, Deceptive.weight)
    parts = walked(walked(Walker(), 0.4, 33, Deceptive.weight), 0.4, 17, Deceptive.weight)
    assert score_of(parts) == pytest.approx(score_of(whole))


def test_who_follows_the_drift_gets_all_there_is():
    problem = DriftingMixed(3)
    total = 0.0
    for step in range(problem.total):
        config = {f"x{i}": problem.numbers[step, i] for i in range(3)}
        config |= {f"c{i}": "abcd"[problem.arms[step, i]] for i in range(2)}
        [total] = problem.train([Job(total, config, step, step + 1, (0,))])
    assert total == pytest.approx(problem.total)
    assert problem.best(5) <= problem.total
    assert problem.best(problem.total) < problem.best(20) < problem.best(5)


def test_the_triangle_rises_under_a_rate_near_the_best_and_not_under_a_low_one():
    problem = Triangle(0)
    states = problem.train(
        [Job(0.0, {"lr": lr}, 0, 50, (0, at)) for at, lr in enumerate((1e-3, 1e-4))]
    )
    assert states[0] > 10 > states[1] == 0


def jobs(problem, count, end):
    configs = [{"lr": 0.01, "entropy": 0.01, "one_minus_gamma": 0.02}] * count
    return [Job(problem.begin(at), config, 0, end, (0, at)) for at, config in enumerate(configs)]


def test_a_cart_is_trained_in_company_as_it_is_alone():
    problem = CartPole(1)
    together = problem.train(jobs(problem, 3, 2))
    alone = problem.train(jobs(problem, 3, 2)[1:2])
    np.testing.assert_allclose(together[1]["w1"], alone[0]["w1"])
    assert problem.score(together[1]) == problem.score(alone[0])


@pytest.mark.slow
def test_a_network_on_digits_learns():
    pytest.importorskip("sklearn")
    from benchmarks.comparison.problems.digits import Digits

    problem = Digits(0)
    config = {"lr": 0.1, "decay": 1e-4, "one_minus_momentum": 0.5}
    first = problem.begin(0)
    [after] = problem.train([Job(first, config, 0, 3, (0,))])
    assert problem.test(after) < 0.7 < problem.test(first)
    [shrunk] = problem.train([Job(after, {**config, "restarts": 1}, 3, 3, (0,))])
    assert problem.test(shrunk) > problem.test(after)
