"""The journal's disk is full for a while, or fails for good."""

import pytest

pytestmark = pytest.mark.slow
FULL = "is full. The run waits until there is space."
SPACE = "There is space again: the run goes on."
NOT_BEGUN = "can't be written"
WRITES = "write,pwrite64"
SYNCS = "fsync,fdatasync"


def test_a_full_disk_is_waited_for_and_said_once(sweep, shim, count_of, golden):
    where = {"calls": WRITES, "path": "run.db"}

    def at(stage, point):
        played = stage.play(shim=shim("driver", point, "enospc", 2, **where))
        problems = []
        if played.code != 0:
            # Before anything has run, there is nothing to wait for.
            if stage.log() or NOT_BEGUN not in played.output:
                return [f"ended with {played.code}: {played.output}"], played.failed
            played = played._replace(output="")
        if played.code != 0 or not stage.is_closed():
            # At the end there is none either: the next driver makes one file of the journal.
            again = stage.play()
            problems = [] if again.code == 0 else [again.output]
        counts = (played.output.count(FULL), played.output.count(SPACE))
        if counts not in {(0, 0), (1, 1)}:
            problems.append(f"said {counts} times: {played.output}")
        return [*problems, *stage.problems(golden, 0)], played.failed

    sweep("writes to the journal that found the disk full", count_of(shim("driver", **where)), at)


def test_a_failed_flush_is_never_tried_again(sweep, shim, count_of, golden):
    where = {"calls": SYNCS, "path": "/run.db"}

    def at(stage, point):
        played = stage.play("--durability=power", shim=shim("driver", point, "eio", **where))
        problems = []
        if played.failed and played.code == 0:
            problems.append(f"went on: {played.output}")
        # What fails last is the flush of a header that SQLite then puts back, and flushes.
        has_ended = len(stage.log()) == 24 and played.calls == point + 1
        if played.failed and played.calls > point and not has_ended:
            problems.append(f"{played.calls - point} more flushes of the journal")
        if played.failed and "can't be written" not in played.output:
            problems.append(f"it isn't said: {played.output}")
        again = stage.play("--durability=power")
        if again.code != 0:
            return [*problems, f"the resumed run ended with {again.code}: {again.output}"], 1
        return [*problems, *stage.problems(golden, 1)], played.failed

    count = count_of(shim("driver", **where), "--durability=power")
    sweep("flushes of the journal that failed", count, at)
