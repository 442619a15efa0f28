import msgspec
import pytest

from pbtune.core.decisions import Exploited
from pbtune.core.ranking import entry
from pbtune.core.schedulers.mf_pbt import MFPBT
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.selection import BinaryTournament, GapThreshold
from pbtune.core.space import loguniform, uniform
from pbtune.core.trial import Rank

SPACE = {"x": uniform(0.0, 100.0)}
ONE = MFPBT(
    mutations=SPACE, frequencies=(1, 3), perturbation_interval=1.0, attr="training_iteration"
)


@pytest.fixture(scope="module")
def judge(population, objective):
    """What follows at a gate for members of these scores; t0, t2, … are the fast ones."""

    def decide(scores, generation, scheduler=ONE):
        state = population(len(scores))
        trials = {
            f"t{at}": msgspec.structs.replace(
                state.trials[f"t{at}"],
                config={"x": float(at)},
                rank=Rank(score, 1, 1.0, 1.0, {"x": float(at)}, f"c{at}"),
            )
            for at, score in enumerate(scores)
        }
        ranking = sorted(entry(score, at, f"t{at}") for at, score in enumerate(scores))
        state = msgspec.structs.replace(
            state, trials=trials, ranking=ranking, generation=generation
        )
        return scheduler.judged(state, ranking, objective)

    return decide


def test_a_slow_sub_population_evolves_at_its_own_period_only(judge):
    scores = [8, 7, 6, 5, 4, 3, 2, 1]
    for generation in range(6):
        moved = {int(it.trial[1:]) % 2 for it in judge(scores, generation)}
        assert moved == ({0, 1} if generation in {2, 5} else {0})


def test_losers_go_on_from_winners_of_their_own_and_are_explored(judge):
    # Given fast members that outsiders can't improve on
    copies = judge([9, 0, 8, 0, 7, 0, 6, 0], 0)
    assert [(it.trial, it.donor, it.config_donor) for it in copies] == [("t6", "t0", "t0")]
    assert copies[0].operations


def test_from_a_slower_one_weights_and_hyperparameters_migrate_unperturbed(judge):
    copies = judge([9, 8, 7, 1, 2, 1, 1, 0], 0)
    guest = next(it for it in copies if it.trial == "t4")
    assert (guest.donor, guest.config_donor, guest.config) == ("t1", "t1", {"x": 1.0})
    assert guest.operations == {}


def test_from_a_faster_one_only_the_weights_migrate(judge):
    # Given a generation in which both evolve, and slow members that all lose
    copies = judge([9, 3, 8, 2, 7, 1, 6, 0], 2)
    guest = next(it for it in copies if it.trial == "t5")
    # Then greedy hyperparameters stay out: the config is that of the slow ones' best
    assert (guest.donor, guest.checkpoint) == ("t0", "c0")
    assert (guest.config_donor, guest.config) == ("t1", {"x": 1.0})


def test_a_donor_that_is_replaced_at_the_same_gate_is_copied_as_it_was(judge):
    copies = {it.trial: it for it in judge([1, 9, 2, 8, 3, 7, 4, 6], 2)}
    for copy in copies.values():
        assert copy.checkpoint == f"c{copy.donor[1:]}"


def test_with_another_selection_it_says_who_loses_inside_a_sub_population(judge):
    # Given a gap that only the fast ones' last member is behind
    scheduler = msgspec.structs.replace(ONE, selection=GapThreshold(absolute=3.0, relative=0.0))
    copies = judge([9, 5, 8, 4, 7, 4, 1, 4], 2, scheduler)
    inside = [it for it in copies if it.operations]
    assert [(it.trial, it.donor) for it in inside] == [("t6", "t0")]


def test_nobody_is_replaced_twice_at_a_gate(judge):
    scheduler = msgspec.structs.replace(ONE, selection=BinaryTournament())
    for scores in ([9, 5, 8, 4, 7, 3, 1, 2], [1, 9, 2, 8, 3, 7, 4, 6]):
        trials = [it.trial for it in judge(scores, 2, scheduler)]
        assert len(trials) == len(set(trials)) > 0


@pytest.mark.parametrize(
    ("budget", "expected"), [(None, (1, 5, 10, 25)), (40.0, (1, 5, 10)), (2.0, (1,))]
)
def test_a_period_that_does_not_come_up_three_times_in_the_budget_is_left_out(budget, expected):
    scheduler = MFPBT(mutations=SPACE, perturbation_interval=1.0, budget=budget)
    assert scheduler.periods(16) == expected


def test_nan_is_never_taken_in(judge):
    nan = float("nan")
    assert [it for it in judge([nan] * 8, 2) if isinstance(it, Exploited)] == []
    copies = judge([nan, nan, nan, 5, nan, nan, nan, 4], 2)
    assert {it.donor for it in copies if isinstance(it, Exploited)} <= {"t3", "t7"}


@pytest.mark.parametrize(
    ("members", "expected"),
    [(2, (1,)), (8, (1, 5)), (15, (1, 5)), (16, (1, 5, 10, 25)), (40, (1, 5, 10, 25))],
)
def test_periods_follow_from_the_size_of_the_population(members, expected):
    assert MFPBT(mutations=SPACE).periods(members) == expected


@pytest.mark.slow
def test_against_a_short_horizon_the_slow_members_end_better(toy):
    # Given a noisy quadratic of many curvatures, at which greedy PBT decays its rate too early
    curvatures = [1 / index for index in range(1, 41)]

    def train(weights, config, _step):
        rate = config["lr"]
        state = weights if isinstance(weights, tuple) else (1.0,) * len(curvatures)
        state = tuple(
            (1 - rate * h) ** 2 * a + rate**2 * h for h, a in zip(curvatures, state, strict=True)
        )
        return state, -0.5 * sum(h * a for h, a in zip(curvatures, state, strict=True))

    space = {"lr": loguniform(1e-3, 1.0)}
    pace = {"perturbation_interval": 5.0, "attr": "training_iteration"}
    wishes = {"members": 16, "steps": 400}
    ends = {"mf": [], "pbt": []}
    for seed in range(5):
        mf = MFPBT(mutations=space, frequencies=(1, 5, 10), **pace)
        greedy = PBT(mutations=space, synch=True, **pace)
        ends["mf"].append(toy(mf, train, space, seed=seed, **wishes).best)
        ends["pbt"].append(toy(greedy, train, space, seed=seed, **wishes).best)
    assert sum(ends["mf"]) > sum(ends["pbt"])
