import os
import select

import pytest

import pbtune
from pbtune import tune

DEADLINE_S = 20.0


@pytest.fixture
def fit(tmp_path):
    """Runs a population: ``fit(function, slots=1, failures=0, ...)`` in real processes."""

    def call(function, *, slots=1, failures=0, run=None, **settings):
        pbtune.init(num_cpus=slots)
        inner = getattr(function, "func", function)
        # As a script's function: it travels by value, and no worker imports this test.
        inner.__module__ = "__main__"
        config = tune.RunConfig(
            name="run",
            storage_path=tmp_path,
            verbose=0,
            **{"failure_config": tune.FailureConfig(max_failures=failures), **(run or {})},
        )
        space = settings.pop("param_space", {})
        tuner = tune.Tuner(
            function,
            param_space=space,
            tune_config=tune.TuneConfig(seed=1, **settings),
            run_config=config,
        )
        return tuner.fit()

    yield call
    pbtune.shutdown()


@pytest.fixture
def ends():
    """Says whether a process that is no child of ours comes to its end."""

    def call(pid):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        with os.fdopen(fd) as gone:
            return bool(select.select([gone], [], [], DEADLINE_S)[0])

    return call
