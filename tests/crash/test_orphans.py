"""No process of a run outlives its driver: no worker, no template, nothing of theirs."""

import pytest

pytestmark = pytest.mark.slow


def test_all_processes_end_within_five_seconds_of_the_drivers_death(stages, rounds, counts):
    longest_s = 0.0
    for number in rounds("rounds of looking for orphans", 5, 100):
        stage = stages(f"round-{number}")
        with stage.start("--until=1000", "--pause=0.002", "--forks=1000") as process:
            # Another place in the run each time.
            stage.wait_for(1 + number % 20)
            # The driver, the template, a worker, and a child of its function.
            assert len(stage.processes()) >= 4
            process.kill()
            process.wait()
            alive, after_s = stage.orphans()
        assert alive == [], f"round {number}: alive after {after_s:.1f} s: {alive}"
        longest_s = max(longest_s, after_s)
    counts["seconds until the last of them was gone"] = round(longest_s, 2)
