"""From ``Tuner.restore`` to the first line of a trial's function, after many reports.

The driver died: what it had kept folded last is up to 10,000 records old, and those are folded.
"""

import statistics

from benchmarks.measure import (
    Figure,
    Goal,
    Measured,
    Options,
    Outcome,
    say,
    spread,
    storage_folder,
    workload,
)

GOALS = {
    100_000: Goal("resume_100k", "resume of a run with 100,000 reports", "s", 1.0, 0.5),
    1_000_000: Goal("resume_1m", "the same, 1,000,000 reports", "s", 5.0, 1.0),
}
RUNS_MAX = 3
"""Making a run takes longer than resuming it, and each is resumed once."""


def measure(options: Options) -> Outcome:
    """Make a run, and resume it in a new process."""
    values: dict[str, Measured | str] = {}
    raw: dict[str, list[float]] = {}
    for count, goal in GOALS.items():
        samples: list[float] = []
        for turn in range(min(options.runs, RUNS_MAX)):
            say(f"resume after {count:,} reports, run {turn}")
            with storage_folder() as storage:
                _, made = workload("long_run", storage, "--reports", str(count))
                _, got = workload("long_run", storage)
            samples.append(got["resume_s"])
        detail = f"{spread(samples, 2)}; {made['records']:,} records, {made['megabytes']:.0f} MB"
        values[goal.key] = Measured(statistics.median(samples), detail)
        raw[goal.key] = samples
    return Outcome(values, raw)


FIGURE = Figure("resume", tuple(GOALS.values()), measure)
