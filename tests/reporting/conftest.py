"""Runs to look at: a small one that was really trained, and ones that are made up."""

import json
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.journal.base import Header, ReportRow
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal
from pbtune.tune.schedulers import PopulationBasedTraining

STEPS = 12
MEMBERS = 4


def climb(config):
    """The score climbs by ``lr`` a step; one member starts far behind."""
    checkpoint = tune.get_checkpoint()
    score, step = 0.0, 0
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            score, step = json.loads(Path(folder, "state.json").read_text())
    lr, kind = config["lr"], config["net"]["kind"]
    while step < STEPS:
        step += 1
        score += lr
        metrics = {"score": score, "best_lr": 0.5, "eval": {"loss": 1 / (1 + score)}, "kind": kind}
        if step % 2:
            tune.report(metrics)
        else:
            with tune.new_checkpoint() as folder:
                Path(folder, "state.json").write_text(json.dumps([score, step]))
                tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a run with copies, and its results."""
    pbtune.init(executor="inline")
    tuner = tune.Tuner(
        climb,
        param_space={
            "lr": tune.loguniform(1e-3, 1.0),
            "net": {"kind": tune.choice(["relu", "tanh"])},
            "constant": 7,
        },
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            num_samples=MEMBERS,
            seed=3,
            scheduler=PopulationBasedTraining(
                time_attr="training_iteration", perturbation_interval=2
            ),
        ),
        run_config=tune.RunConfig(
            name="climb", storage_path=tmp_path_factory.mktemp("runs"), verbose=0
        ),
    )
    try:
        return tuner.fit()
    finally:
        pbtune.shutdown()


@pytest.fixture(scope="session")
def run_dir(trained):
    return Path(trained.experiment_path)


@pytest.fixture
def reader(run_dir):
    with JournalReader(run_dir) as reader:
        yield reader


@pytest.fixture
def made_up(tmp_path):
    """Writes a run from records and rows: ``made_up([(records, rows), ...], **header)``."""

    def write(history, name="made_up", **changes):
        folder = tmp_path / name
        folder.mkdir()
        fields = {"metric": "score", "mode": "max", "mutated": ("lr",)}
        header = Header(name, "train_fn", 7, 1000.0, **{**fields, **changes})
        journal = SqliteJournal.create(folder / "run.db", header)
        for records, rows in history:
            journal.append(records, rows, 1010.0)
        journal.close()
        return folder

    return write


@pytest.fixture
def row():
    def make(trial, step, metrics, attempt=1, segment=0, **changes):
        fields = {"time_total_s": step / 2, "timestamp": 1000.0 + step}
        return ReportRow(
            trial, attempt, segment, step, metrics=metrics.encode(), **{**fields, **changes}
        )

    return make


@pytest.fixture(autouse=True)
def a_plain_screen(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "160")
