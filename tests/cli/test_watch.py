"""``pbtune watch``: the terminal's view of a run that another process trains."""

import shutil

import pytest

from pbtune.journal.lock import LOCK_NAME
from pbtune.reporting.terminal import TerminalView


def test_a_run_that_has_ended_is_shown_once(call):
    result = call("watch", "climb")
    assert result.exit_code == 0
    assert result.stdout.startswith("climb: ")
    assert "4 done" in result.stdout
    assert result.stderr == ""


def test_a_run_that_nobody_trains_says_how_it_goes_on(call, interrupted):
    result = call("watch", interrupted)
    assert result.exit_code == 0
    assert result.stderr == f"Nobody trains it now. To go on: pbtune resume {interrupted}\n"


def test_a_driver_that_was_killed_is_named(call, storage, tmp_path):
    shutil.copytree(storage / "climb", tmp_path / "climb")
    (tmp_path / "climb" / LOCK_NAME).write_text("4194304")
    result = call("watch", tmp_path / "climb")
    assert "The driver, process 4194304, was killed." in result.stderr


def test_control_c_ends_the_looking(call, monkeypatch):
    def interrupt(_view):
        raise KeyboardInterrupt

    monkeypatch.setattr(TerminalView, "watch", interrupt)
    result = call("watch", "climb")
    assert result.exit_code == 130
    assert result.output == ""


@pytest.fixture
def interrupted(tmp_path):
    from pbtune.core.decisions import Created
    from pbtune.core.events import Opened
    from pbtune.journal.base import Header
    from pbtune.journal.sqlite import SqliteJournal

    folder = tmp_path / "open"
    folder.mkdir()
    journal = SqliteJournal.create(folder / "run.db", Header("open", "train_fn", 7, 1000.0))
    journal.append([Opened(1), Created("t0", 0, {})], [], 1001.0)
    journal.close()
    return folder
