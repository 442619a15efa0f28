"""What one ready member costs the core: ``decide``, without the run around it.

The value is that of the members that are replaced, which costs most: those of the middle and the
top are only ranked.
"""

import statistics

from benchmarks.measure import (
    Figure,
    Goal,
    Measured,
    Options,
    Outcome,
    say,
    storage_folder,
    workload,
)

GOALS = {
    8: Goal("decide_8", "decide, one ready member that is replaced, population 8", "us", 50, 20),
    1_000: Goal("decide_1000", "the same, population 1,000", "us", 300, 50),
}


def measure(options: Options) -> Outcome:
    """Members in turn, each decision many times, in a process of its own."""
    values: dict[str, Measured | str] = {}
    raw: dict[str, list[dict[str, float]]] = {goal.key: [] for goal in GOALS.values()}
    for turn in range(options.runs):
        say(f"decide, run {turn}")
        # Both sizes in each round: a machine that slows down slows both.
        for population, goal in GOALS.items():
            arguments = ("--population", str(population), "--seed", str(turn))
            with storage_folder() as storage:
                _, got = workload("decisions", storage, *arguments)
            medians = {key: statistics.median(samples) / 1e3 for key, samples in got.items()}
            raw[goal.key].append(medians)
    for goal in GOALS.values():
        replaced, ranked, whole = (
            statistics.median(one[key] for one in raw[goal.key])
            for key in ("replaced_ns", "ranked_ns", "replaced_whole_ns")
        )
        detail = f"one only ranked {ranked:.1f}; replaced, with fold and retention, {whole:.0f}"
        values[goal.key] = Measured(replaced, detail)
    return Outcome(values, raw)


FIGURE = Figure("decide", tuple(GOALS.values()), measure)
