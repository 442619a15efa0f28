"""A worker, or the template, dies before each call by which it changes anything."""

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


def test_a_template_killed_anywhere_is_replaced(sweep, shim, count_of, golden):
    def at(stage, point):
        played = stage.play(shim=shim("template", point))
        if played.code != 0:
            return [f"the run ended with {played.code}: {played.output}"], played.failed
        return stage.problems(golden, played.failed), played.failed

    sweep("template kill points", count_of(shim("template")), at)


@pytest.mark.parametrize("error", ["enospc", "eio"])
def test_a_checkpoint_that_cannot_be_written_is_written_again(sweep, shim, count_of, golden, error):
    calls = {"calls": "write,open64,mkdir,rename", "path": "/run/t"}

    def at(stage, point):
        played = stage.play(shim=shim("worker", point, error, **calls))
        if played.code != 0:
            return [f"the run ended with {played.code}: {played.output}"], played.failed
        return stage.problems(golden, played.failed, slots=1), played.failed

    sweep(f"{error} while a worker writes", count_of(shim("worker", **calls)), at)
