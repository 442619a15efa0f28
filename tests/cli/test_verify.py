"""What ``pbtune verify`` says of a run that isn't what it says it is."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from pbtune.journal.folded import Folded, encode_folded, folded_by

pytestmark = pytest.mark.slow


@pytest.fixture
def run_dir(storage, tmp_path):
    """A copy of a run, to be damaged."""
    shutil.copytree(storage / "climb", tmp_path / "run")
    return tmp_path / "run"


def changed(run_dir, query, *values):
    with closing(sqlite3.connect(run_dir / "run.db")) as database, database:
        assert database.execute(query, values).rowcount == 1


def test_a_run_that_is_well_is_said_to_be(call, run_dir):
    result = call("verify", run_dir)
    assert result.exit_code == 0
    assert "are as they would be made again; 32 of 32 checkpoints are whole" in result.output


def test_another_decision_than_would_be_made_is_named(call, run_dir):
    query = (
        "UPDATE events SET record = replace(record, '\"score\":', '\"score\":1')"
        " WHERE id = (SELECT max(id) FROM events WHERE kind = 'ranked')"
    )
    changed(run_dir, query)
    result = call("verify", run_dir)
    assert result.exit_code == 1
    assert "led to other decisions" in result.output
    assert "recorded:" in result.output
    assert "recomputed:" in result.output


def test_a_checkpoint_whose_files_have_changed_is_named(call, run_dir):
    state = max(run_dir.glob("t0/checkpoint_*/state.json"))
    state.write_text("[0, 0]")
    result = call("verify", run_dir)
    assert result.exit_code == 1
    assert f"t0/{state.parent.name}: it has 1 files of 6 bytes" in result.output


def test_what_is_kept_folded_and_wrong_is_said(call, run_dir):
    query = "INSERT OR REPLACE INTO folded SELECT 1, max(id), ?, ? FROM events"
    changed(run_dir, query, folded_by(), encode_folded(Folded()).decode())
    result = call("verify", run_dir)
    assert result.exit_code == 1
    assert "is not what they fold to" in result.output
