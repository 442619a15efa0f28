"""The driver is killed before each call by which it changes anything, and taken up again."""

import random
import signal
import time

import pytest

pytestmark = pytest.mark.slow
KILLED = -signal.SIGKILL


def resumed(stage, golden, kills, *args):
    """What is wrong after the same script was started once more."""
    played = stage.play(*args)
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


def test_a_driver_killed_anywhere_on_a_network_file_system(sweep, shim, count_of, golden):
    def at(stage, point):
        killed = stage.play("--network", shim=shim("driver", point))
        if killed.code not in {0, KILLED}:
            return [f"ended with {killed.code}: {killed.output}"], 0
        return resumed(stage, golden, 1, "--network"), int(killed.code == KILLED)

    sweep("driver kill points (no WAL)", count_of(shim("driver"), "--network"), at)


def test_a_driver_killed_while_it_recovers_recovers_again(sweep, shim, count_of, golden):
    first = count_of(shim("driver")) // 2

    def at(stage, point):
        played = [stage.play(shim=shim("driver", it)) for it in (first, point, point)]
        kills = sum(it.code == KILLED for it in played)
        if any(it.code not in {0, KILLED} for it in played):
            return [it.output for it in played], kills
        return resumed(stage, golden, kills), kills

    sweep("driver kills, three in a row", count_of(shim("driver")) // 2, at)


def test_a_driver_killed_at_any_moment_goes_on_as_if_it_never_was(sweep, golden):
    def at(stage, point):
        with stage.start() as process:
            # Up to the length of a whole run, start and end included.
            time.sleep(random.Random(point).uniform(0.0, 0.5))
            process.kill()
            process.communicate()
        return resumed(stage, golden, 1), int(process.returncode == KILLED)

    sweep("driver kills at random moments", 300, at)
