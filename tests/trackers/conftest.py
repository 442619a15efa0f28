"""A small run whose copies a tracker has to tell, and one that fails and is resumed."""

import json
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.journal.reader import JournalReader
from pbtune.reporting.snapshot import RunView
from pbtune.tune.schedulers import PopulationBasedTraining

STEPS = 6


def climb(config):
    """The score climbs by ``lr`` a step; with ``fails`` naming a file, once it doesn't."""
    checkpoint = tune.get_checkpoint()
    score, step = 0.0, 0
    if checkpoint is not None:
        score, step = json.loads(Path(checkpoint.path, "state.json").read_text())
    while step < STEPS:
        step += 1
        score += config["lr"]
        if step == 4 and config["fails"] and not Path(config["fails"]).exists():
            Path(config["fails"]).touch()
            message = "the first time it fails"
            raise ValueError(message)
        with tune.new_checkpoint() as folder:
            Path(folder, "state.json").write_text(json.dumps([score, step]))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report(
                {"score": score, "eval": {"loss": -score}, "kind": "x"}, checkpoint=checkpoint
            )


@pytest.fixture
def train(tmp_path):
    """``train(callback)`` gives the results of a population of four with copies."""

    def run(callback, fails="", members=4):
        pbtune.init(executor="inline")
        scheduler = PopulationBasedTraining("training_iteration", perturbation_interval=2)
        tuner = tune.Tuner(
            climb,
            param_space={
                "lr": tune.loguniform(1e-3, 1.0),
                "net": {"kind": "relu"},
                "fails": fails,
            },
            tune_config=tune.TuneConfig(
                "max", "score", num_samples=members, seed=3, scheduler=scheduler
            ),
            run_config=tune.RunConfig(
                name="climb", storage_path=tmp_path / "runs", verbose=0, callbacks=[callback]
            ),
        )
        try:
            return tuner.fit()
        finally:
            pbtune.shutdown()

    return run


@pytest.fixture
def resume():
    """``resume(results)`` goes on with trials that have failed."""

    def run(results):
        pbtune.init(executor="inline")
        try:
            return tune.Tuner.restore(results.experiment_path, climb, resume_errored=True).fit()
        finally:
            pbtune.shutdown()

    return run


@pytest.fixture
def segments():
    """Of each member its configs, one a copy, and whom it was copied from last."""

    def read(results):
        with JournalReader(Path(results.experiment_path)) as reader:
            view = RunView(reader)
        return {
            trial.id: (
                [view.configs[trial.id, at]["lr"] for at in range(trial.segment + 1)],
                trial.parent,
            )
            for trial in view.trials
        }

    return read
