"""What ``report()`` costs the user's code: when it needn't wait, and when it must."""

import statistics

from benchmarks.measure import (
    Figure,
    Goal,
    Measured,
    Options,
    Outcome,
    Unmeasured,
    percentile,
    say,
    storage_folder,
    workload,
)

FREE = Goal("report_free", "report() that does not block, 5 floats, p50", "us", must=5, aim=1.5)
P50 = Goal("report_blocking_p50", "blocking report, small checkpoint, p50", "ms", must=0.6, aim=0.2)
P99 = Goal("report_blocking_p99", "blocking report, small checkpoint, p99", "ms", must=3, aim=0.8)
DISTURBED_SHARE = 0.99


def measure_streamed(options: Options) -> Outcome:
    """Short bursts with pauses, as training makes them, then one long burst."""
    bursts = options.times(full=200, quick=50)
    say("report() that does not block")
    with storage_folder() as storage:
        _, got = workload("streamed", storage, "--bursts", str(bursts))
    calls = [ns / 1e3 for ns in got["calls_ns"]]
    detail = (
        f"mean {statistics.fmean(calls):.2f}, p99 {percentile(calls, 0.99):.1f}, n={len(calls)};"
        f" without any pause {got['unpaused_ns'] / 1e3:.2f} a report"
    )
    return Outcome({FREE.key: Measured(statistics.median(calls), detail)}, got)


def measure_blocking(options: Options) -> Outcome:
    """Two members in two slots, nobody replaced: every interval's report goes on."""
    intervals = options.times(full=600, quick=150)
    say("blocking report with a small checkpoint")
    with storage_folder() as storage:
        _, got = workload("verdicts", storage, "--intervals", str(intervals))
    calls = [ns / 1e6 for ns in got["verdicts_ns"]]
    if not calls:
        message = "no report blocked"
        raise Unmeasured(message)
    detail = f"mean {statistics.fmean(calls):.3f}, n={len(calls)}, 2 members in 2 slots"
    values = {
        P50.key: Measured(percentile(calls, 0.5), detail),
        P99.key: Measured(percentile(calls, DISTURBED_SHARE), f"most {max(calls):.2f}"),
    }
    return Outcome(values, got)


STREAMED = Figure("report_free", (FREE,), measure_streamed)
BLOCKING = Figure("report_blocking", (P50, P99), measure_blocking)
