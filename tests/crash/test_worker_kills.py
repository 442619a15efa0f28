"""A worker, or the template, dies before each call by which it changes anything."""

import pytest

pytestmark = pytest.mark.slow
FULL = "is full. The run waits until there is space."


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


CALLS = {"calls": "write,open64,mkdir,rename", "path": "/run/t"}


def test_a_checkpoint_that_cannot_be_written_is_written_again(sweep, shim, count_of, golden):
    def at(stage, point):
        played = stage.play(shim=shim("worker", point, "eio", **CALLS))
        if played.code != 0:
            return [f"the run ended with {played.code}: {played.output}"], played.failed
        return stage.problems(golden, played.failed, slots=1), played.failed

    sweep("eio while a worker writes", count_of(shim("worker", **CALLS)), at)


def test_a_full_disk_is_waited_for_by_workers_and_no_failure(sweep, shim, count_of, golden):
    args = ("--failures=0", "--impatient=yes")

    def at(stage, point):
        played = stage.play(*args, shim=shim("worker", point, "enospc", 2, **CALLS))
        if played.code != 0:
            return [f"the run ended with {played.code}: {played.output}"], played.failed
        problems = stage.problems(golden, played.failed, slots=1)
        if played.failed and FULL not in played.output:
            problems.append(f"it isn't said: {played.output}")
        return problems, played.failed

    sweep("enospc while a worker writes", count_of(shim("worker", **CALLS), *args), at)
