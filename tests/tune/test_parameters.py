"""Objects bound to a training, and what a training function may take and give."""

import os
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import pbtune
from pbtune import tune
from pbtune.errors import SettingsError, Unpicklable


@pytest.fixture(params=["inline", "processes"])
def executor(request):
    """Both executors: what is bound must arrive wherever a function runs."""
    pbtune.init(num_cpus=1, executor=request.param)
    yield request.param
    pbtune.shutdown()


@pytest.fixture
def processes():
    pbtune.init(num_cpus=1)
    yield
    pbtune.shutdown()


@pytest.fixture
def tuner(tmp_path):
    def make(trainable, **settings):
        run = tune.RunConfig(
            storage_path=tmp_path, verbose=0, **settings.pop("run", {"name": "run"})
        )
        return tune.Tuner(
            trainable,
            param_space=settings.pop("space", None),
            tune_config=tune.TuneConfig(seed=1, **settings),
            run_config=run,
        )

    return make


def make_function():
    def train(config, rows, scale=1):
        return {"sum": scale * sum(rows)}

    train.__module__ = "__main__"
    return train


def make_class():
    class Model(tune.Trainable):
        def setup(self, config, rows, scale=1):
            self.sum = scale * sum(rows)

        def step(self):
            return {"sum": self.sum, "done": True}

    Model.__module__ = "__main__"
    return Model


@pytest.fixture(params=[make_function, make_class])
def trainable(request):
    """A function, and a class, that need rows besides a config."""
    return request.param()


def test_what_is_bound_arrives(executor, tuner, trainable):
    bound = tune.with_parameters(trainable, rows=[1, 2], scale=10)
    (result,) = tuner(bound).fit()
    assert result.error is None
    assert result.metrics["sum"] == 30


def test_what_is_bound_in_two_steps_arrives(executor, tuner, trainable):
    bound = tune.with_parameters(tune.with_parameters(trainable, rows=[1, 2]), scale=10)
    (result,) = tuner(bound).fit()
    assert result.metrics["sum"] == 30


def test_a_binding_keeps_the_name_and_leaves_what_was_given_alone(trainable):
    bound = tune.with_parameters(trainable, rows=[1])
    assert bound is not trainable
    assert bound.__name__ == trainable.__name__
    assert bound.__doc__ == trainable.__doc__
    with pytest.raises(TypeError):
        trainable({})


def test_a_run_is_named_after_what_was_bound(processes, tuner, trainable):
    results = tuner(tune.with_parameters(trainable, rows=[1]), run={}).fit()
    assert Path(results.experiment_path).name.startswith(f"{trainable.__name__}_")


def test_a_bound_class_is_still_one(trainable):
    bound = tune.with_parameters(trainable, rows=[1])
    assert isinstance(bound, type) == isinstance(trainable, type)
    if isinstance(bound, type):
        assert issubclass(bound, trainable)
        assert bound({}).sum == 1


def test_bound_objects_are_in_no_config_and_no_report(executor, tuner):
    rows = np.zeros(100_000)
    bound = tune.with_parameters(make_function(), rows=rows)
    results = tuner(bound, space={"lr": 1}).fit()
    assert results[0].config == {"lr": 1}
    assert Path(results.experiment_path, "run.db").stat().st_size < rows.nbytes / 4


@pytest.mark.slow
def test_a_bound_array_is_shared_and_may_be_written_to(processes, tuner):
    data = np.zeros(1_000_000)

    def train(config, data):
        before = data.sum()
        data += 1
        return {"before": before, "after": data.sum()}

    train.__module__ = "__main__"
    bound = tune.with_parameters(train, data=data)
    results = tuner(bound, num_samples=3, reuse_actors=False).fit()
    assert [row.metrics["before"] for row in results] == [0] * 3
    assert [row.metrics["after"] for row in results] == [1_000_000] * 3
    assert data.sum() == 0


@pytest.mark.slow
def test_a_worker_that_only_reads_a_bound_array_has_no_copy_of_it(processes, tuner):
    data = np.zeros(8_000_000)

    def train(config, data):
        status = Path("/proc/self/status").read_text()
        private_kib = int(status.split("RssAnon:")[1].split()[0])
        return {"sum": data.sum(), "private": private_kib * 1024}

    train.__module__ = "__main__"
    (result,) = tuner(tune.with_parameters(train, data=data)).fit()
    assert result.metrics["sum"] == 0
    assert result.metrics["private"] < data.nbytes


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"row": [1]}, "takes no 'row'; it takes: rows, scale"),
        ({"config": {}}, "takes no 'config'; it takes: rows, scale"),
    ],
)
def test_a_name_that_a_training_does_not_take_is_told_at_once(trainable, names, said):
    with pytest.raises(SettingsError, match=said):
        tune.with_parameters(trainable, **names)


def test_a_training_that_takes_any_name_is_given_any(executor, tuner):
    def train(config, **given):
        return dict(given)

    train.__module__ = "__main__"
    (result,) = tuner(tune.with_parameters(train, a=1)).fit()
    assert result.metrics["a"] == 1


def test_a_builtin_that_names_no_parameters_is_bound_unseen():
    assert tune.with_parameters(max, key=len)("ab", "c") == "ab"


@pytest.mark.parametrize("what", [3, "train", None])
def test_what_is_no_training_cannot_be_bound_to(what):
    with pytest.raises(SettingsError, match="takes a function or a class, not"):
        tune.with_parameters(what, a=1)


def test_a_class_that_is_no_trainable_cannot_be_bound_to():
    with pytest.raises(SettingsError, match=r"dict is a class: derive it from tune\.Trainable"):
        tune.with_parameters(dict, a=1)


def test_a_bound_object_that_cannot_travel_is_named(processes, tuner, tmp_path, trainable):
    with (tmp_path / "file").open("w") as bad:
        bound = tune.with_parameters(trainable, rows=bad)
        with pytest.raises(Unpicklable, match="the argument 'rows' = <_io"):
            tuner(bound).fit()


def test_what_a_method_closes_over_and_cannot_travel_is_named(processes, tuner, tmp_path):
    with (tmp_path / "file").open("w") as bad:

        class Model(tune.Trainable):
            def step(self):
                return {"x": bad.name}

        Model.__module__ = "__main__"
        with pytest.raises(Unpicklable, match=r"closure variable 'bad' = <_io.*Model\.step\(\)"):
            tuner(Model).fit()


def test_a_function_may_yield_its_reports(executor, tuner):
    def train(config):
        yield {"x": 1}
        yield {"x": 2}

    train.__module__ = "__main__"
    (result,) = tuner(train).fit()
    assert [row["x"] for row in result.rows] == [1, 2]


def test_a_function_may_return_its_report(executor, tuner):
    (result,) = tuner(lambda config: {"x": 3}).fit()
    assert [row["x"] for row in result.rows] == [3]


def test_a_generator_that_is_stopped_is_left_through_its_finally_block(executor, tuner, tmp_path):
    left = str(tmp_path / "left")

    def train(config):
        try:
            while True:
                yield {"x": 1}
        finally:
            with open(left, "a") as file:  # noqa: PTH123
                file.write(str(os.getpid()))

    train.__module__ = "__main__"
    (result,) = tuner(train, run={"name": "run", "stop": {"training_iteration": 2}}).fit()
    assert len(result.rows) == 2
    assert Path(left).read_text().isdigit()


@pytest.mark.parametrize("empty", [None, {}, [], ""])
def test_nothing_returned_is_no_report(executor, tuner, empty):
    (result,) = tuner(lambda config: config["empty"], space={"empty": empty}).fit()
    assert result.error is None
    assert result.rows == []


def test_a_returned_zero_is_a_report(executor, tuner):
    (result,) = tuner(lambda config: 0).fit()
    assert result.metrics["_metric"] == 0


def takes_two(config, data):
    return None


def takes_nothing():
    return None


def takes_keywords(*, config):
    return None


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (takes_two, "takes_two(config, data) is called with the config alone: bind the others by"),
        (takes_two, "tune.with_parameters(takes_two, data=...)"),
        (takes_nothing, "takes_nothing() takes no positional argument; it needs one, config"),
        (takes_keywords, "takes_keywords(*, config) takes no positional argument; it needs one"),
        (partial(takes_two, {}, {}), "needs one, config"),
    ],
)
def test_a_function_that_cannot_be_called_with_a_config_is_named(function, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        tune.Tuner(function)


@pytest.mark.parametrize(
    "function",
    [
        lambda config, data=None: None,
        lambda *args: None,
        partial(takes_two, data=1),
        print,
        max,
    ],
    ids=["default", "args", "partial", "builtin", "no signature"],
)
def test_whatever_can_be_called_with_a_config_is_taken(function):
    assert tune.Tuner(function)
