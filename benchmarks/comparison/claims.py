"""What the benchmark has to show, and whether it does."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison.analysis import RANDOM_SEARCH, Runs, Task
from benchmarks.comparison.methods import METHODS
from benchmarks.comparison.statistics import Estimate, difference


@dataclass(frozen=True)
class Claim:
    """One line: ``needs`` is "better" (the interval is above 0) or "not worse" (reaches 0)."""

    title: str
    needs: str
    gap: Estimate | None
    count: int

    @property
    def verdict(self) -> str:
        """In words."""
        if self.gap is None:
            return "not measured"
        holds = self.gap.low > 0 if self.needs == "better" else self.gap.high >= 0
        return "holds" if holds else "**missed**"


def claims(runs: Runs, ray: Path) -> Iterator[Claim]:
    """All of them, as far as there are runs."""
    for problem, interval in (("B1", 5), ("B2 deceptive", 20)):
        task = Task(problem, 16, interval)
        for rival in ("PBT", "PBT, asynchronous"):
            yield _claim(runs, task, ("MF-PBT", rival), "better")
    for problem, needs in (("B4 numbers", "not worse"), ("B4 mixed", "better")):
        for members in (4, 8):
            for interval in (5, 10, 20):
                yield _claim(runs, Task(problem, members, interval), ("PB2", "PBT"), needs)
    for method in METHODS:
        yield _claim(runs, Task("B1", 16, 50), (method, RANDOM_SEARCH), "better")
    yield from _against_ray(runs, ray)


def _claim(runs: Runs, task: Task, names: tuple[str, str], needs: str) -> Claim:
    ours, theirs = names
    at = f"{task.problem}, {task.members} members, interval {task.interval}"
    count = len(runs.paired(task, ours, theirs)[0])
    return Claim(f"{ours} against {theirs}: {at}", needs, runs.gap(task, ours, theirs), count)


def ray_scores(folder: Path) -> dict[tuple[int, bool], dict[int, float]]:
    """What Ray Tune's PBT reached on B3, by seed, for each interval and synchronous or not."""
    found: dict[tuple[int, bool], dict[int, float]] = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                key = (int(row["interval"]), row["synch"] == "True")
                found.setdefault(key, {})[int(row["seed"])] = float(row["accuracy"])
    return found


def _against_ray(runs: Runs, folder: Path) -> Iterator[Claim]:
    scores = ray_scores(folder)
    for interval, synch in sorted(scores):
        ours = runs.values(Task("B3", 8, interval), "PBT" if synch else "PBT, asynchronous")
        theirs = scores[interval, synch]
        seeds = [seed for seed in ours if seed in theirs]
        how = "synchronous" if synch else "asynchronous"
        title = f"PBT against Ray Tune's PBT, {how}: B3, 8 members, interval {interval}"
        gap = None
        if seeds:
            gap = difference([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds])
        yield Claim(title, "not worse", gap, len(seeds))
