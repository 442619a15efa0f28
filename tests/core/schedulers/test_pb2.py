import pytest

from pbtune.core.decisions import Exploited, Pinned
from pbtune.core.proposals import ROW_COUNT_MIN, TrustRegion
from pbtune.core.schedulers.pb2 import PB2
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.space import choice, uniform
from pbtune.models.gp import propose

SPACE = {"x": uniform(0.0, 1.0), "net": {"kind": choice(["a", "b", "c"])}}
FIVE = {"perturbation_interval": 5.0, "attr": "training_iteration"}


class Asked:
    """A model that keeps the questions, and answers with the centre."""

    def __init__(self):
        self.questions = []

    def __call__(self, question):
        self.questions.append(question)
        return question.centre


def drift(weights, config, step):
    """The goal moves, and the best category changes half-way: greed is right."""
    goal = 0.2 + 0.6 * step / 80
    gain = 1 - 4 * (config["x"] - goal) ** 2
    gain += config["net"]["kind"] == ("a" if step < 40 else "c")
    return weights + gain, weights + gain


def test_configs_are_drawn_until_there_is_something_to_learn_from(toy):
    model = Asked()
    run = toy(PB2(bounds=SPACE, model=model, synch=True, **FIVE), drift, SPACE, steps=40)
    how = [set(it.operations.values()) for it in run.of(Exploited)]
    assert how[0] == {"draw"}
    assert how[-1] == {"model"}
    assert all(len(question.rows) >= ROW_COUNT_MIN for question in model.questions)


def test_a_question_tells_the_donors_score_the_time_and_what_the_others_do(toy):
    model = Asked()
    run = toy(PB2(bounds=SPACE, model=model, synch=True, **FIVE), drift, SPACE, steps=40)
    asked = [it for it in run.of(Exploited) if "model" in it.operations.values()]
    for question, copy in zip(model.questions, asked, strict=True):
        assert question.score == copy.score
        assert question.generation == copy.step // 5 + 1
        assert len(question.pending) >= 7
        assert question.category_counts == (3,)
    first, second = model.questions[:2]
    assert len(second.pending) == len(first.pending) + 1


def test_a_copys_next_gain_counts_from_its_donors_score(toy):
    model = Asked()
    run = toy(PB2(bounds=SPACE, model=model, synch=True, **FIVE), drift, SPACE, steps=40)
    # A step gains at most 2 and at least -3: no row may hold the jump of a copy.
    gains = [row.gain for row in model.questions[-1].rows]
    assert gains
    assert all(-3 <= gain <= 2 for gain in gains)
    assert all(it.score_before is not None for it in run.state.history if it.generation > 1)


def test_only_the_last_rows_are_shown(toy):
    model = Asked()
    scheduler = PB2(bounds=SPACE, model=model, synch=True, row_count_max=4, **FIVE)
    toy(scheduler, drift, SPACE, steps=40)
    assert {len(question.rows) for question in model.questions} <= {3, 4}


def test_a_custom_function_has_the_last_word(toy):
    scheduler = PB2(
        bounds=SPACE, model=Asked(), custom_explore_fn=lambda it: {**it, "x": 0.5}, **FIVE
    )
    run = toy(scheduler, drift, SPACE, steps=40).check()
    assert all(it.config["x"] == 0.5 for it in run.of(Exploited))
    assert all(it.operations["*"] == "custom_explore_fn" for it in run.of(Exploited))


@pytest.mark.slow
def test_on_a_moving_goal_with_categories_the_model_is_better_than_perturbing(toy):
    ends = {"pb2": 0.0, "pbt": 0.0}
    for seed in range(8):
        wishes = {"members": 6, "steps": 80, "seed": seed}
        model = PB2(bounds=SPACE, model=propose, synch=True, **FIVE)
        ends["pb2"] += toy(model, drift, SPACE, **wishes).best
        ends["pbt"] += toy(PBT(mutations=SPACE, synch=True, **FIVE), drift, SPACE, **wishes).best
    assert ends["pb2"] > ends["pbt"]


@pytest.mark.slow
def test_trust_region_and_backtracking_hold_and_the_best_is_copied(toy):
    scheduler = PB2(
        bounds=SPACE, model=propose, trust_region=TrustRegion(), backtrack=True, synch=True, **FIVE
    )
    run = toy(scheduler, drift, SPACE, members=6, steps=60, seed=1).check()
    best = max(it.score for it in run.of(Pinned))
    assert run.state.pin.rank.score == best


@pytest.mark.slow
def test_a_best_that_has_fallen_is_still_copied(toy):
    def collapse(weights, config, step):
        weights += config["x"] if step < 20 else -config["x"]
        return weights, weights

    scheduler = PB2(bounds=SPACE, model=Asked(), backtrack=True, synch=True, **FIVE)
    run = toy(scheduler, collapse, SPACE, steps=60).check()
    late = [it for it in run.of(Exploited) if it.old_step >= 40]
    assert late
    assert all(it.from_pin and it.step <= 20 for it in late)
