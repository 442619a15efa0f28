"""A worker is killed before each call by which it changes anything; its driver goes on."""

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("do", ["kill", "tear"])
def test_a_worker_killed_anywhere_loses_one_interval_at_most(sweep, shim, count_of, golden, do):
    def at(stage, point):
        played = stage.play(shim=shim("worker", point, do))
        if played.code != 0:
            return [f"the run ended with {played.code}: {played.output}"], played.failed
        # One worker dies here, where a driver takes all of them along.
        return stage.problems(golden, played.failed, slots=1), played.failed

    sweep(f"worker kill points ({do})", count_of(shim("worker")), at)
