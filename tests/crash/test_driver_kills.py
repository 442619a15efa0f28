"""The driver is killed before each call by which it changes anything, and taken up again."""

import signal

import pytest

pytestmark = pytest.mark.slow
KILLED = -signal.SIGKILL


def resumed(stage, golden, kills):
    """What is wrong after the same script was started once more."""
    played = stage.play()
    if played.code != 0:
        return [f"the resumed run ended with {played.code}: {played.output}"]
    return stage.problems(golden, kills)


@pytest.mark.parametrize("do", ["kill", "tear"])
def test_a_driver_killed_anywhere_goes_on_as_if_it_never_was(sweep, shim, count_of, golden, do):
    def at(stage, point):
        killed = stage.play(shim=shim("driver", point, do))
        if killed.code not in {0, KILLED}:
            return [f"ended with {killed.code}: {killed.output}"], 0
        return resumed(stage, golden, 1), int(killed.code == KILLED)

    sweep(f"driver kill points ({do})", count_of(shim("driver")), at)
