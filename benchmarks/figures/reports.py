"""What ``report()`` costs the user's code: when it needn't wait, and when it must."""

import statistics
from typing import Any

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
P99 = Goal("report_blocking_p99", "the same, p99", "ms", must=3, aim=0.8)


def measure_streamed(options: Options) -> Outcome:
    """Short bursts with pauses, as training makes them, then one long burst."""
    raw: list[dict[str, float]] = []
    for turn in range(options.runs):
        say(f"report() that does not block, run {turn}")
        with storage_folder() as storage:
            _, got = workload("streamed", storage)
        calls = [ns / 1e3 for ns in got["calls_ns"]]
        raw.append(
            {
                "p50_us": percentile(calls, 0.5),
                "p99_us": percentile(calls, 0.99),
                "unpaused_us": got["unpaused_ns"] / 1e3,
            }
        )
    value, tail, unpaused = (
        statistics.median(one[key] for one in raw) for key in ("p50_us", "p99_us", "unpaused_us")
    )
    detail = f"20 after each pause of 20 ms; p99 {tail:.1f}; without pauses {unpaused:.2f}"
    return Outcome({FREE.key: Measured(value, detail)}, {"runs": raw})


def blocking_once(members: int) -> dict[str, float]:
    """Nobody is replaced: every interval's report goes on."""
    with storage_folder() as storage:
        _, got = workload("verdicts", storage, "--members", str(members))
    calls = [ns / 1e6 for ns in got["verdicts_ns"]]
    if not calls:
        message = "no report blocked"
        raise Unmeasured(message)
    return {
        "p50_ms": percentile(calls, 0.5),
        "p99_ms": percentile(calls, 0.99),
        "files_p50_ms": statistics.median(got["files_ns"]) / 1e6,
    }


def measure_blocking(options: Options) -> Outcome:
    """Two members in two slots, as in the other figures; one alone is in the detail.

    Two members that only report, and the driver, are three processes that want two cores: the
    stricter reading, since training would leave the driver time between reports.
    """
    raw: dict[str, Any] = {"alone": [], "beside": []}
    for turn in range(options.runs):
        say(f"blocking report with a small checkpoint, run {turn}")
        raw["alone"].append(blocking_once(1))
        raw["beside"].append(blocking_once(2))
    alone, beside = (
        {key: statistics.median(one[key] for one in raw[name]) for key in raw[name][0]}
        for name in ("alone", "beside")
    )
    files = beside["files_p50_ms"]
    values = {
        P50.key: Measured(
            beside["p50_ms"],
            f"2 members that only report; 1 alone {alone['p50_ms']:.2f};"
            f" the same files by mkdir, copy, rename {files:.2f}",
        ),
        P99.key: Measured(beside["p99_ms"], f"1 member alone {alone['p99_ms']:.2f}"),
    }
    return Outcome(values, raw)


STREAMED = Figure("report_free", (FREE,), measure_streamed)
BLOCKING = Figure("report_blocking", (P50, P99), measure_blocking)
