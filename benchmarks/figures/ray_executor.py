"""The PBT function example on a Ray cluster: under pbtune, and under Ray Tune.

Each program starts such a cluster on this machine, of two CPUs and with nothing else on it, and
times ``fit()`` alone: without the start of interpreter and cluster, with the start of the workers.
"""

import statistics
from typing import Any

from benchmarks.measure import (
    RAY_PYTHON,
    Figure,
    Goal,
    Measured,
    Options,
    Outcome,
    Table,
    Unmeasured,
    say,
    spread,
    storage_folder,
    workload,
)

AGAINST_TUNE = Goal(
    "ray_executor",
    "on a Ray cluster, fit() per report, against Ray Tune",
    "x faster",
    must=20,
    aim=40,
    more_is_better=True,
)
SLOTS = "2"
PROGRAMS = ("pbtune on Ray", "pbtune, local processes", "Ray Tune")
Sample = dict[str, Any]


def _ours(executor: str, seed: int) -> Sample:
    arguments = ("--executor", executor, "--slots", SLOTS, "--seed", str(seed))
    with storage_folder() as storage:
        _, got = workload("ray_executor", storage, *arguments, python=RAY_PYTHON)
    return {**got, "ms": got["fit_s"] / got["reports"] * 1e3}


def _theirs(seed: int) -> Sample:
    with storage_folder() as storage:
        arguments = ("--slots", SLOTS, "--seed", str(seed))
        _, got = workload("ray_example", storage, *arguments, python=RAY_PYTHON)
    if got["errors"]:
        message = f"Ray Tune died: {got['errors'][0]}"
        raise Unmeasured(message)
    return {**got, "ms": got["fit_s"] / got["reports"] * 1e3}


def measure(options: Options) -> Outcome:
    """The three programs in turn."""
    if not options.ray:
        return Outcome({AGAINST_TUNE.key: "left out by --no-ray"})
    if not RAY_PYTHON.is_file():
        return Outcome({AGAINST_TUNE.key: "Ray isn't there: `make bench-ray` brings it"})
    rounds: list[tuple[Sample, Sample, Sample]] = []
    for seed in range(options.runs):
        say(f"Ray executor, local processes, Ray Tune, run {seed}")
        rounds.append((_ours("ray", seed), _ours("processes", seed), _theirs(seed)))
    ratios = [tune["ms"] / ray["ms"] for ray, _, tune in rounds]
    over = [ray["ms"] / local["ms"] for ray, local, _ in rounds]
    start = statistics.median(ray["start_s"] for ray, _, _ in rounds)
    detail = (
        f"{spread(ratios, 1)}; over local processes {spread(over, 2)}x;"
        f" {start:.2f} s to the first report"
    )
    values = {AGAINST_TUNE.key: Measured(statistics.median(ratios), detail)}
    rows = tuple(
        (name, *(f"{one[index]['ms']:.3f}" for one in rounds))
        for index, name in enumerate(PROGRAMS)
    )
    columns = ("ms a report", *(f"run {number}" for number in range(1, len(rounds) + 1)))
    return Outcome(values, {"rounds": rounds}, (Table("On a Ray cluster", columns, rows),))


FIGURE = Figure("ray_executor", (AGAINST_TUNE,), measure)
