"""Runs of every format that was ever released still open, are verified, and go on."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

import pbtune
from pbtune.core.decisions import Exploited, Retried
from pbtune.core.events import Reconfigured
from pbtune.core.verify import Difference
from pbtune.journal.reader import JournalReader
from pbtune.tune.checking import check_run

GOLDEN = Path(__file__).parent / "golden"
RUNS = sorted(str(it.parent.relative_to(GOLDEN)) for it in GOLDEN.glob("*/*/run.db"))
each_run = pytest.mark.parametrize("run", RUNS)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("golden_make", GOLDEN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def storage(tmp_path, run):
    """A copy of a golden run's storage folder: opening one may write."""
    shutil.copytree(GOLDEN / Path(run).parent, tmp_path / "runs")
    (tmp_path / "runs" / "failed").touch()
    return tmp_path / "runs"


def came_to(storage, run):
    return json.loads((storage / "came_to.json").read_text(encoding="utf-8"))[Path(run).name]


def test_there_is_one_of_each_kind_for_the_format_that_is_written_today():
    assert {"1/asynchronous", "1/synchronous"} <= set(RUNS)


@each_run
def test_an_old_run_is_verified_and_its_checkpoints_are_whole(storage, run):
    checked = check_run(storage / Path(run).name)
    assert checked.difference is None, isinstance(checked.difference, Difference)
    assert checked.problems == {}
    assert checked.decision_count > 30
    with JournalReader(storage / Path(run).name) as reader:
        kinds = {type(it.record) for it in reader.entries()}
    assert kinds >= {Exploited, Retried}


@each_run
def test_an_old_run_s_results_are_what_they_were(script, storage, run):
    pbtune.init(executor="inline")
    try:
        results = script.tuner(storage, Path(run).name).fit()
    finally:
        pbtune.shutdown()
    assert script.table(results) == came_to(storage, run)


@each_run
def test_an_old_run_goes_on(script, storage, run):
    pbtune.init(executor="inline")
    try:
        results = script.tuner(storage, Path(run).name, until=script.UNTIL + 2).fit()
    finally:
        pbtune.shutdown()
    assert [it.metrics["training_iteration"] for it in results] == [script.UNTIL + 2] * 3
    assert check_run(storage / Path(run).name).difference is None
    with JournalReader(storage / Path(run).name) as reader:
        changes = [it.record for it in reader.entries() if isinstance(it.record, Reconfigured)]
    assert len(changes) == 1
