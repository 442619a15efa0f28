"""pbtune on what windows.py makes of this Python: not Windows, but most of what differs there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).with_name("scenarios.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Windows is simulated on Linux alone"),
]


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Plays a scenario in a process of its own; what it printed last."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    (tmp_path / "storage").mkdir()

    def play(name: str, executor: str = "processes") -> object:
        command = [sys.executable, str(SCENARIOS), name, executor, str(tmp_path / "storage")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert [it.name for it in temporary.iterdir()] == [], "what was left behind"
        return json.loads(done.stdout.splitlines()[-1])

    return play


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_every_module_can_be_imported_and_a_population_trains(told, tmp_path, executor):
    results = told("population", executor)
    assert results["errors"] == 0
    assert results["iterations"] == [8, 8, 8, 8]
    run_dir = tmp_path / "storage" / "run"
    written = [path.read_bytes() for path in run_dir.glob("*/checkpoint_*/w")]
    assert written
    assert all(content.endswith(b"\r\n") and content.count(b"\r") == 1 for content in written)
    if executor == "processes":
        logs = [path.read_text() for path in run_dir.glob("*/output.log")]
        assert len(logs) == 4
        assert all(text.startswith("w is ") for text in logs)


def test_processes_keep_what_every_executor_promises(told):
    assert len(told("contract")) >= 13


def test_a_death_is_told_behind_all_that_was_streamed_before_it(told):
    own, killed = told("ends")
    streamed_and_dead = ["Streamed", "Streamed", "Streamed", "Died"]
    assert own == [
        "the worker process called os._exit(3) or was ended by its code",
        streamed_and_dead,
    ]
    assert killed[0].startswith("the trial reported nothing for 1.5 s")
    assert killed[1] == streamed_and_dead


def test_one_driver_has_the_lock_and_asking_for_it_sends_no_ctrl_c(told):
    (is_here, is_killed), other, is_gone = told("lock")
    assert is_here
    assert not is_killed
    assert "held" in other
    assert is_gone


def test_a_run_is_resumed_and_then_deleted(told, tmp_path):
    first, second = told("resumed")
    assert first["iterations"] == [8, 8, 8, 8]
    assert second["iterations"] == [12, 12, 12, 12]
    assert not (tmp_path / "storage" / "run").exists()
