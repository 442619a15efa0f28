"""A run that is killed every 0.3 s comes to its end, however often that takes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pbtune
from pbtune.core.trial import Status
from pbtune.driver.recover import recover
from pbtune.journal.reader import JournalReader
from pbtune.tune import Tuner
from pbtune.tune.checking import check_run

pytestmark = pytest.mark.slow
UNTIL = 20
KILL_S = 0.3
EXAMPLE = Path(__file__).parents[2] / "examples" / "pbt_function.py"


def test_a_run_killed_every_third_of_a_second_ends(stages, rounds, golden_of, counts):
    golden, total = golden_of(UNTIL), 0
    for number in rounds("runs killed every 0.3 s until they ended", 2, 20):
        stage = stages(f"run-{number}")
        wait_s, kills, before = KILL_S, 0, 0
        while True:
            with stage.start(f"--until={UNTIL}", "--pause=0.01") as process:
                try:
                    output, _ = process.communicate(timeout=wait_s)
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
            kills += 1
            # A machine so busy that nothing came back in this time gets more of it.
            done = len(stage.log())
            wait_s = KILL_S if done > before else wait_s * 1.5
            before = done
        assert process.returncode == 0, output
        assert kills > 1
        assert stage.problems(golden, kills, reports=4 * UNTIL) == []
        total += kills
    counts["kills until then"] = total


def test_the_example_killed_every_third_of_a_second_ends(tmp_path, rounds, counts):
    total = 0
    for number in rounds("runs of the example killed every 0.3 s until they ended", 1, 20):
        storage = tmp_path / str(number)
        run_dir = storage / "pbt_function"
        env = {
            **os.environ,
            "PYTHONPATH": str(Path(pbtune.__file__).parents[1]),
            "PBTUNE_STORAGE": str(storage),
        }
        command = [EXAMPLE, f"--seed={number}", "--iterations=100"]
        wait_s, kills, before = KILL_S, 0, 0
        while True:
            with subprocess.Popen(
                [sys.executable, *command],
                env=env,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process:
                while not Tuner.can_restore(run_dir) and process.poll() is None:
                    time.sleep(0.005)
                try:
                    output, _ = process.communicate(timeout=wait_s)
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
            kills += 1
            # There is a run now, and nothing of the script is needed any more.
            command = ["-m", "pbtune", "resume", run_dir]
            done = report_count(run_dir)
            wait_s = KILL_S if done > before else wait_s * 1.5
            before = done
        assert process.returncode == 0, output
        assert broken_promises(run_dir) == []
        total += kills
    counts["kills of the example until then"] = total


def report_count(run_dir):
    with JournalReader(run_dir) as reader:
        return reader.report_count()


def broken_promises(run_dir):
    """What is wrong with a run of the example that has come to its end."""
    checked = check_run(run_dir)
    found = [*checked.problems.items(), *filter(None, [checked.difference])]
    with JournalReader(run_dir) as reader:
        state, reports = recover(reader).state, list(reader.reports())
    found += [it.id for it in state.trials.values() if it.status is not Status.DONE]
    segments = {}
    for it in reports:
        segments.setdefault((it.trial, it.segment), []).append(it.step)
    for place, steps in segments.items():
        if steps != list(range(steps[0], steps[0] + len(steps))):
            found.append((place, steps))
    return found
