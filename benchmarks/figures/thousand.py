"""A thousand members of a hundred reports each, PBT every ten, two slots."""

import statistics

from benchmarks.measure import (
    Figure,
    Goal,
    Measured,
    Options,
    Outcome,
    Unmeasured,
    say,
    spread,
    storage_folder,
    stored_reports,
    workload,
)

WALL = Goal("thousand_wall", "1,000 members x 100 reports, PBT every 10", "s", must=20, aim=8)
MEMORY = Goal("thousand_memory", "the same, the driver's most resident memory", "MB", 150, 60)
MEMBERS, ITERATIONS = 1_000, 100


def measure(options: Options) -> Outcome:
    """The whole script, interpreter start to exit."""
    walls: list[float] = []
    memory: list[float] = []
    raw: list[dict[str, float]] = []
    for turn in range(options.runs):
        say(f"1,000 members, run {turn}")
        with storage_folder() as storage:
            ran, got = workload("thousand", storage)
            reports = stored_reports(storage)
        if got["iterations_least"] < ITERATIONS or got["members"] != MEMBERS:
            message = f"not everybody made {ITERATIONS} reports: {got}"
            raise Unmeasured(message)
        walls.append(ran.wall_s)
        memory.append(got["memory_kb"] / 1e3)
        raw.append({**got, "wall_s": ran.wall_s, "reports": reports})
    last = raw[-1]
    per_report_us = statistics.median(walls) / last["reports"] * 1e6
    detail = f"{spread(walls, 2)}; {last['reports']:,} reports, {per_report_us:.0f} us each"
    values = {
        WALL.key: Measured(statistics.median(walls), detail),
        MEMORY.key: Measured(
            statistics.median(memory),
            f"{last['memory_before_kb'] / 1e3:.0f} MB before fit()",
        ),
    }
    return Outcome(values, {"runs": raw})


FIGURE = Figure("thousand", (WALL, MEMORY), measure)
