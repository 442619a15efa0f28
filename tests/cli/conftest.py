"""A storage folder with runs, made by the command line itself."""

import sys

import pytest
from click.testing import CliRunner

import pbtune
from pbtune.cli import main
from pbtune.tune import as_ray

SCRIPT = """
import json, sys
from pathlib import Path
import pbtune
from pbtune import tune
from pbtune.tune.schedulers import PopulationBasedTraining

def climb(config):
    checkpoint, state = tune.get_checkpoint(), [0.0, 0]
    if checkpoint is not None:
        state = json.loads(Path(checkpoint.path, "state.json").read_text())
    score, step = state
    while step < 8:
        step, score = step + 1, score + config["lr"]
        with tune.new_checkpoint() as folder:
            Path(folder, "state.json").write_text(json.dumps([score, step]))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"score": score, "best_lr": 0.5}, checkpoint=checkpoint)

def fail(config):
    tune.report({"score": 1.0})
    raise ValueError("the data set is [empty]")

if __name__ == "__main__":
    pbtune.init(executor="inline")
    scheduler = PopulationBasedTraining("training_iteration", perturbation_interval=2)
    results = tune.Tuner(
        {"climb": climb, "fail": fail}[sys.argv[1]],
        param_space={"lr": tune.loguniform(1e-3, 1.0)},
        tune_config=tune.TuneConfig(
            "max", "score", num_samples=4, seed=3, scheduler=scheduler if sys.argv[2:] else None
        ),
        run_config=tune.RunConfig(name=sys.argv[1], verbose=0),
    ).fit()
    print("best", results.get_best_result().config["lr"])
"""


@pytest.fixture(scope="session")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("scripts") / "train.py"
    path.write_text(SCRIPT)
    return path


def called(*args, **env):
    """What ``pbtune ARGS`` does: a click result, with the interpreter put back afterwards."""
    argv, path = sys.argv, list(sys.path)
    try:
        return CliRunner().invoke(main, [str(arg) for arg in args], env={"COLUMNS": "160", **env})
    finally:
        sys.argv, sys.path[:] = argv, path
        pbtune.shutdown()
        as_ray.uninstall()


@pytest.fixture(scope="session")
def storage(tmp_path_factory, script):
    """Has the runs "climb", with copies, and "fail", in which every trial failed."""
    folder = tmp_path_factory.mktemp("storage")
    for args in (["climb", "--pbt"], ["fail"]):
        result = called("run", script, *args, PBTUNE_STORAGE=str(folder))
        assert "best " in result.output, result.output
    return folder


@pytest.fixture
def call(storage):
    """``call("show", "climb")``, in the storage folder with the two runs."""

    def command(*args, **env):
        return called(*args, **{"PBTUNE_STORAGE": str(storage), **env})

    return command
