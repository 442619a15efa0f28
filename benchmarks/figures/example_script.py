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
    RAY_PYTHON,
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


def _pairs(options: Options) -> tuple[list[Sample], list[Sample], str]:
    """Both programs in turn; ours is left out, with the reason, where it can't run."""
    ours: list[Sample] = []
    hand: list[Sample] = []
    reason = ""
    # The first pair fills caches of bytecode and pages, and is not counted.
    for seed in range(options.times(full=9, quick=3) + 1):
        say(f"example script and hand-written loop, seed {seed}")
        if not reason:
            try:
                ours.append(ours_once(seed))
            except Unmeasured as missing:
                reason = str(missing)
        hand.append(hand_once(seed))
    return ours[1:], hand[1:], reason


def _ray(options: Options) -> tuple[Mapping[str, Any] | str, bool]:
    """Ray Tune's figures by configuration, and whether they were measured just now."""
    if options.ray and not options.quick and RAY_PYTHON.is_file():
        say("Ray Tune, both configurations (minutes)")
        return ray_tune.measured(), True
    try:
        return ray_tune.recorded(), False
    except Unmeasured as missing:
        return str(missing), False


def measure(options: Options) -> Outcome:
    """Interleave ours and the hand-written loop, then Ray Tune."""
    ours, hand, reason = _pairs(options)
    ray, is_live = _ray(options)
    values: dict[str, Measured | str] = {}
    if reason:
        values = {goal.key: reason for goal in (WHOLE, RAY, HAND)}
    else:
        ms = statistics.median(one["ms"] for one in ours)
        values[WHOLE.key] = Measured(ms, spread([one["ms"] for one in ours]))
        values[RAY.key] = _against_ray(ms, ray, is_live=is_live)
        values[HAND.key] = _against_hand(ours, hand)
    raw = {"ours": ours, "handwritten": hand, "ray": ray, "ray_is_live": is_live}
    return Outcome(values, raw, (_beside(ours, hand, ray, is_live=is_live),))


def _against_ray(ms: float, ray: Mapping[str, Any] | str, *, is_live: bool) -> Measured | str:
    if isinstance(ray, str):
        return ray
    best = ray["configurations"][ray_tune.BEST]["ms_per_report"]
    when = "measured in this run" if is_live else "recorded earlier"
    return Measured(best / ms, f"Ray Tune: {best:.1f} ms a report, {when}")


def _against_hand(ours: Sequence[Sample], hand: Sequence[Sample]) -> Measured:
    pairs = list(zip(ours, hand, strict=True))
    loop = [ours["ms"] / hand["ms"] for ours, hand in pairs]
    whole = statistics.median(ours["ms"] / hand["whole_ms"] for ours, hand in pairs)
    detail = f"{spread(loop, 2)}; {whole:.2f}x with its interpreter start"
    return Measured(statistics.median(loop), detail)


def _beside(
    ours: Sequence[Sample],
    hand: Sequence[Sample],
    ray: Mapping[str, Any] | str,
    *,
    is_live: bool,
) -> Table:
    rows: list[tuple[str, ...]] = []
    if ours:
        rows.append(("pbtune", "2", *_medians(ours, "wall_s", "ms"), "done"))
    rows.append(("hand-written, whole process", "1", *_medians(hand, "wall_s", "whole_ms"), "done"))
    rows.append(("hand-written, loop alone", "1", *_medians(hand, "loop_s", "ms"), "done"))
    if not isinstance(ray, str):
        label = "measured in this run" if is_live else "recorded earlier"
        for title, one in ray["configurations"].items():
            end = "died: " + one["errors"][0] if one["errors"] else "done"
            name = f"Ray Tune {ray['versions']['ray']}, {title} ({label})"
            numbers = (str(one["reports"]), f"{one['wall_s']:.1f}", f"{one['ms_per_report']:.1f}")
            rows.append((name, str(one["slots"]), *numbers, end))
    columns = ("program", "slots", "reports", "wall s", "ms a report", "end")
    return Table("The PBT function example, 8 members, medians", columns, tuple(rows))


def _medians(samples: Sequence[Sample], wall: str, per_report: str) -> tuple[str, str, str]:
    reports, wall_s, ms = (
        statistics.median(one[key] for one in samples) for key in ("reports", wall, per_report)
    )
    return (f"{reports:.0f}", f"{wall_s:.2f}", f"{ms:.3f}")


FIGURE = Figure("example", (WHOLE, RAY, HAND), measure)
