"""The user's callables: the same address gives the same, and the generators are put back."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pbtune
from pbtune.core.values import Ref
from pbtune.driver.user_calls import SeededCalls


@pytest.fixture
def calls():
    return SeededCalls()


def draw():
    return [random.random(), float(np.random.random()), random.gauss(0, 1)]  # noqa: NPY002


def state():
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), kind, keys.tolist(), rest


def test_the_same_address_gives_the_same(calls):
    first = calls.call(draw, (), "7/explore/t0/1/lr")
    assert calls.call(draw, (), "7/explore/t0/1/lr") == first
    assert SeededCalls().call(draw, (), "7/explore/t0/1/lr") == first


def test_another_address_gives_something_else(calls):
    first = calls.call(draw, (), "7/explore/t0/1/lr")
    second = calls.call(draw, (), "7/explore/t0/2/lr")
    assert not set(first) & set(second)


def test_what_was_drawn_before_does_not_matter(calls):
    first = calls.call(draw, (), "address")
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002
    assert calls.call(draw, (), "address") == first


def test_the_global_generators_are_put_back(calls):
    before = state()
    calls.call(draw, (), "address")
    assert state() == before


def test_they_are_put_back_behind_a_function_that_raises_too(calls):
    def fail():
        draw()
        raise ValueError("no")

    before = state()
    with pytest.raises(ValueError, match="no"):
        calls.call(fail, (), "address")
    assert state() == before


def test_a_function_that_seeds_for_itself_changes_nothing_outside(calls):
    def seeds():
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002

    before = state()
    calls.call(seeds, (), "address")
    assert state() == before


def test_without_numpy_nothing_asks_for_it(calls, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "numpy"]:
        monkeypatch.delitem(sys.modules, name)
    before = random.getstate()
    first = calls.call(random.random, (), "address")
    assert calls.call(random.random, (), "address") == first
    assert random.getstate() == before
    assert "numpy" not in sys.modules


FRESH = """
import numpy
from pbtune.driver.user_calls import SeededCalls
print(*(SeededCalls().call(lambda: numpy.random.random(), (), "address") for _ in range(2)))
"""


def test_a_generator_that_numpy_has_not_loaded_yet_is_seeded_too():
    command = [sys.executable, "-c", FRESH]
    environment = {**os.environ, "PYTHONPATH": str(Path(pbtune.__file__).parents[1])}
    first, second = subprocess.check_output(command, env=environment, text=True).split()
    assert first == second


def test_a_result_can_be_stored(calls):
    value = calls.call(lambda: {"lr": np.float32(0.5), "n": (np.int64(3),)}, (), "address")
    assert type(value["lr"]) is float
    assert type(value["n"][0]) is int


def test_a_function_sees_the_users_own_objects_and_may_bring_new_ones():
    class Model:
        pass

    class Other:
        pass

    objects = {"model": Model}
    calls = SeededCalls(objects)
    seen = []

    def explore(config):
        seen.append(config["model"])
        return {**config, "model": Other}

    config = calls.call(explore, ({"model": Ref("model"), "lr": 1.0},), "address")
    assert seen == [Model]
    assert config["lr"] == 1.0
    assert objects[config["model"].path] is Other
    assert objects["model"] is Model
