"""A run that is killed every 0.3 s comes to its end, however often that takes."""

import subprocess

import pytest

pytestmark = pytest.mark.slow
UNTIL = 20
KILL_S = 0.3


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
