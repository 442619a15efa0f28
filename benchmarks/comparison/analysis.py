"""The runs of all files, oriented so that larger is better, and what can be asked of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.comparison.statistics import Estimate, difference, improvement, interquartile
from benchmarks.comparison.suite import NO_INTERVAL, PROBLEMS, Row

RANDOM_SEARCH = "random search"
LAST_BOUND = -1


@dataclass(frozen=True)
class Task:
    """One problem with one population and one interval."""

    problem: str
    members: int
    interval: int

    @property
    def sign(self) -> float:
        """-1 where less is better."""
        return -1.0 if PROBLEMS[self.problem].mode == "min" else 1.0


class Runs:
    """All rows, by task, method and seed.

    Args:
        rows: As they were read.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[tuple[str, int, int, str], dict[int, Row]] = {}
        for row in rows:
            key = (row.problem, row.members, row.interval, row.method)
            self._rows.setdefault(key, {})[row.seed] = row

    def tasks(self, problem: str | None = None) -> list[Task]:
        """Those that have runs, in the order of problems, populations and intervals."""
        order = list(PROBLEMS)
        keys = {key[:3] for key in self._rows if key[2] != NO_INTERVAL}
        found = [Task(*key) for key in keys if problem in {None, key[0]}]
        return sorted(found, key=lambda it: (order.index(it.problem), it.members, it.interval))

    def methods(self, tasks: Sequence[Task]) -> list[str]:
        """The methods that have runs in any of the tasks, controls first."""
        from benchmarks.comparison.methods import ALL  # noqa: PLC0415  only for its order

        return [name for name in ALL if any(self.rows(task, name) for task in tasks)]

    def rows(self, task: Task, method: str) -> dict[int, Row]:
        """By seed; of methods without intervals the same ones for each."""
        key = (task.problem, task.members, task.interval, method)
        at_none = (task.problem, task.members, NO_INTERVAL, method)
        return self._rows.get(key) or self._rows.get(at_none) or {}

    def values(self, task: Task, method: str, field: str | None = None) -> dict[int, float]:
        """What a method reached, by seed; larger is better."""
        name = field or ("area" if PROBLEMS[task.problem].uses_area else "test")
        rows = self.rows(task, method)
        return {seed: task.sign * getattr(rows[seed], name) for seed in sorted(rows)}

    def reached(self, task: Task, method: str, field: str | None = None) -> Estimate | None:
        """The interquartile mean in the problem's own direction; None without runs."""
        values = list(self.values(task, method, field).values())
        if not values:
            return None
        found = interquartile([[task.sign * it for it in values]])
        return Estimate(found.value, found.low, found.high)

    def paired(self, task: Task, ours: str, theirs: str) -> tuple[list[float], list[float]]:
        """Two methods' values on the seeds that both have."""
        left, right = self.values(task, ours), self.values(task, theirs)
        seeds = [seed for seed in left if seed in right]
        return [left[seed] for seed in seeds], [right[seed] for seed in seeds]

    def gap(self, task: Task, ours: str, theirs: str) -> Estimate | None:
        """The mean of the paired difference, larger is better for ours; None without runs."""
        left, right = self.paired(task, ours, theirs)
        return difference(left, right) if left else None

    def wins(self, tasks: Sequence[Task], ours: str, theirs: str) -> Estimate | None:
        """The probability of improvement, over the tasks that both have."""
        pairs = [self.paired(task, ours, theirs) for task in tasks]
        pairs = [pair for pair in pairs if pair[0]]
        return improvement(pairs) if pairs else None

    def normalised(
        self, tasks: Sequence[Task], method: str, bounds: dict[str, dict[str, float]]
    ) -> Estimate | None:
        """The interquartile mean over tasks, where 0 is random search and 1 the best known.

        Only if the method has runs in all of the tasks.
        """
        scaled: list[list[float]] = []
        for task in tasks:
            values = list(self.values(task, method).values())
            base = list(self.values(task, RANDOM_SEARCH).values())
            if not values or not base:
                return None
            zero = sum(base) / len(base)
            one = task.sign * list(bounds[task.problem].values())[LAST_BOUND]
            scaled.append([(value - zero) / (one - zero) for value in values])
        return interquartile(scaled) if scaled else None
