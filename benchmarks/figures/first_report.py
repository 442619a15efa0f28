"""From the call of ``fit()`` to the return of the first ``report()`` of any trial."""

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

FIRST = Goal("first_report", "fit() to the first report of the first trial", "ms", 250, 100)


def measure(options: Options) -> Outcome:
    """Eight members on two slots, a function that uses numpy, each time a fresh process."""
    samples: list[float] = []
    entered: list[float] = []
    for turn in range(options.runs + 1):
        say(f"first report, run {turn}")
        with storage_folder() as storage:
            _, got = workload("first_report", storage)
        if turn:
            samples.append((got["first_report_ns"] - got["fit_ns"]) / 1e6)
            entered.append((got["first_line_ns"] - got["fit_ns"]) / 1e6)
    detail = f"{spread(samples, 1)}; to the function's first line {statistics.median(entered):.1f}"
    raw = {"first_report_ms": samples, "first_line_ms": entered}
    return Outcome({FIRST.key: Measured(statistics.median(samples), detail)}, raw)


FIGURE = Figure("first_report", (FIRST,), measure)
