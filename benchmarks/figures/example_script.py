"""The whole example script, beside a hand-written loop and beside Ray Tune.

Interpreter start to exit on our side, always. The hand-written side of the ratio is the loop alone,
without its interpreter and its imports: the stricter reading; the other one is in the detail.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import ray_tune
from benchmarks.measure import (
    Figure,
    Goal,
    Measured,
    Options,
    Outcome,
    Table,
    Unmeasured,
    run,
    say,
    script,
    spread,
    storage_folder,
    stored_reports,
    workload,
)

WHOLE = Goal("example", "whole example script, wall per report", "ms", must=0.4, aim=0.15)
RAY = Goal(
    "example_ray",
    "the same, against Ray Tune's best",
    "x faster",
    must=60,
    aim=150,
    more_is_better=True,
)
HAND = Goal("example_hand", "the same, over the hand-written loop", "x", must=6, aim=3)
Sample = dict[str, float]


def ours_once(seed: int) -> Sample:
    """Run the example as a user would; count what its journal has."""
    example = script("examples/pbt_function.py")
    with storage_folder() as storage:
        ran = run([sys.executable, example, "--seed", str(seed)], storage)
        reports = stored_reports(storage)
    return {"wall_s": ran.wall_s, "reports": reports, "ms": ran.wall_s / reports * 1e3}


def hand_once(seed: int) -> Sample:
    """Run the hand-written loop."""
    loop = script("benchmarks/handwritten.py")
    with storage_folder() as storage:
        ran = run([sys.executable, loop, "--seed", str(seed)], storage)
    said = json.loads(ran.stdout)
    reports = said["reports"]
    return {
        "wall_s": ran.wall_s,
        "loop_s": said["loop_s"],
        "reports": reports,
        "ms": said["loop_s"] / reports * 1e3,
        "whole_ms": ran.wall_s / reports * 1e3,
    }


def written_for_ray_once(seed: int) -> Sample:
    """Run the script that the Ray Tune side runs, with only its import changed."""
    with storage_folder() as storage:
        arguments = ("--pbtune", "--slots", "2", "--seed", str(seed))
        ran, got = workload("ray_example", storage, *arguments)
    reports = got["reports"]
    return {"wall_s": ran.wall_s, "reports": reports, "ms": ran.wall_s / reports * 1e3}


def _in_turn(options: Options) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """The programs in turn, with the same seeds: ours, the hand-written one, Ray Tune's on ours."""
    ours: list[Sample] = []
    hand: list[Sample] = []
    rays: list[Sample] = []
    # The first round fills caches of bytecode and pages, and is not counted.
    for seed in range(options.runs + 1):
        say(f"example script and hand-written loop, run {seed}")
        ours.append(ours_once(seed))
        hand.append(hand_once(seed))
        rays.append(written_for_ray_once(seed))
    return ours[1:], hand[1:], rays[1:]


def measure(options: Options) -> Outcome:
    """Interleave ours and the hand-written loop, then Ray Tune."""
    ours, hand, rays = _in_turn(options)
    per_report = [one["ms"] for one in ours]
    ms = statistics.median(per_report)
    reports = statistics.median(one["reports"] for one in ours)
    values: dict[str, Measured | str] = {
        WHOLE.key: Measured(ms, f"{spread(per_report)}; {reports:.0f} reports"),
        HAND.key: _against_hand(ours, hand),
    }
    ray: dict[str, dict[str, Any]] = {}
    try:
        ray = ray_tune.measured(options)
        title, best = ray_tune.best(ray)
        every = ", ".join(f"{name} {one['ms']:.1f}" for name, one in ray.items())
        same = best["ms"] / statistics.median(one["ms"] for one in rays)
        detail = (
            f"ms a report: {every}; fit() alone of its {title} {best['fit_ms']:.1f};"
            f" {same:.1f}x with its own script, import changed"
        )
        values[RAY.key] = Measured(best["ms"] / ms, detail)
    except Unmeasured as missing:
        values[RAY.key] = str(missing)
    raw = {"ours": ours, "handwritten": hand, "written_for_ray": rays, "ray": ray}
    return Outcome(values, raw, (_beside(ours, hand, rays, ray),))


def _against_hand(ours: Sequence[Sample], hand: Sequence[Sample]) -> Measured:
    pairs = list(zip(ours, hand, strict=True))
    loop = [ours["ms"] / hand["ms"] for ours, hand in pairs]
    whole = statistics.median(ours["ms"] / hand["whole_ms"] for ours, hand in pairs)
    detail = f"{spread(loop, 2)}; {whole:.2f}x with its interpreter start"
    return Measured(statistics.median(loop), detail)


def _beside(
    ours: Sequence[Sample],
    hand: Sequence[Sample],
    rays: Sequence[Sample],
    ray: Mapping[str, Mapping[str, Any]],
) -> Table:
    base = statistics.median(one["ms"] for one in ours)
    rows = [
        _row("pbtune, whole process", "2", ours, ("wall_s", "ms"), base),
        _row("Ray Tune's script on pbtune, whole process", "2", rays, ("wall_s", "ms"), base),
        _row("hand-written, whole process", "-", hand, ("wall_s", "whole_ms"), base),
        _row("hand-written, loop alone", "-", hand, ("loop_s", "ms"), base),
    ]
    for title, one in ray.items():
        end = f", died: {one['errors'][0]}" if one["errors"] else ""
        name = f"Ray Tune {one['version']}, {title}, whole process{end}"
        rows.append(_row(name, str(one["slots"]), [one], ("wall_s", "ms"), base))
    columns = ("program", "slots", "runs", "reports", "wall s", "ms a report", "over pbtune")
    return Table("The PBT function example, 8 members, medians", columns, tuple(rows))


def _row(
    name: str, slots: str, samples: Sequence[Mapping[str, Any]], keys: tuple[str, str], base: float
) -> tuple[str, ...]:
    reports, wall_s, ms = (
        statistics.median(one[key] for one in samples) for key in ("reports", *keys)
    )
    numbers = (f"{reports:.0f}", f"{wall_s:.2f}", f"{ms:.3f}", f"{ms / base:.2f}x")
    return (name, slots, str(len(samples)), *numbers)


FIGURE = Figure("example", (WHOLE, RAY, HAND), measure)
