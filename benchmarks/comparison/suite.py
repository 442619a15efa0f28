"""What is run: pieces of a few minutes, each of which writes a row of CSV after every run.

A piece is one problem with one population and one interval. What a file already has isn't run
again, so that a stop loses nothing.
"""

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from benchmarks.comparison.engine import Population, retrained
from benchmarks.comparison.methods import CONTROLS, METHODS, scheduler_of
from benchmarks.comparison.problems.base import Problem
from benchmarks.comparison.problems.cartpole import CartPole
from benchmarks.comparison.problems.deceptive import Deceptive, Plain
from benchmarks.comparison.problems.digits import Digits
from benchmarks.comparison.problems.drifting import DriftingMixed, DriftingNumbers
from benchmarks.comparison.problems.quadratic import Quadratic
from benchmarks.comparison.problems.triangle import Triangle

TOYS: tuple[type[Problem], ...] = (
    Quadratic,
    Plain,
    Deceptive,
    Triangle,
    DriftingNumbers,
    DriftingMixed,
)
TRAININGS: tuple[type[Problem], ...] = (Digits, CartPole)
PROBLEMS = {problem.name: problem for problem in (*TOYS, *TRAININGS)}
DRIFT_MEMBERS = (4, 8)
NO_INTERVAL = 0
WITHOUT_INTERVAL = ("random search", "random search, cosine")
ONCE = (
    "PBT, tournament",
    "PBT, gap",
    "PBT, backtracking",
    "BG-PBT",
    "IPBT, shrink and perturb",
)
"""At the main interval only: they differ from another one in one thing."""
MODELS = ("PB2", "BG-PBT")
GENERATIONS_MAX = 60
"""With a model, which would else take most of the time: more than 100 are warned of anyway."""
IN_TRAININGS = (
    "exploit only",
    "PBT",
    "MF-PBT",
    "PB2",
    "IPBT, shrink and perturb",
)
RETRAINED_SEED = 10_000


@dataclass(frozen=True)
class Row:
    """One run. ``retrained`` is the test score of one member under the exported schedule."""

    problem: str
    members: int
    interval: int
    method: str
    seed: int
    score: float
    test: float
    area: float
    retrained: float
    member_steps: int
    copies: int
    generations: int
    cpu_s: float
    decide_s: float


@dataclass(frozen=True)
class Piece:
    """Runs that belong into one file."""

    problem: str
    members: int
    interval: int
    methods: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """Of its CSV."""
        name = self.problem.replace(" ", "-")
        at = "no-interval" if self.interval == NO_INTERVAL else f"interval-{self.interval}"
        return f"{name}-members-{self.members}-{at}.csv"


def pieces(problems: Sequence[type[Problem]]) -> list[Piece]:
    """All pieces of some problems, at each of their intervals."""
    found: list[Piece] = []
    for problem in problems:
        drifts = problem in {DriftingNumbers, DriftingMixed}
        for members in DRIFT_MEMBERS if drifts else (problem.population,):
            controls = [name for name in WITHOUT_INTERVAL if problem.decays or "cosine" not in name]
            found.append(Piece(problem.name, members, NO_INTERVAL, tuple(controls)))
            for interval in problem.intervals:
                methods = _methods(problem, interval)
                found.append(Piece(problem.name, members, interval, methods))
    return found


def _methods(problem: type[Problem], interval: int) -> tuple[str, ...]:
    names = [name for name in (*CONTROLS, *METHODS) if name not in WITHOUT_INTERVAL]
    if problem in TRAININGS:
        names = [name for name in names if name in IN_TRAININGS]
    if not problem.has_restarts:
        names.remove("IPBT, shrink and perturb")
    if problem.total / interval > GENERATIONS_MAX:
        names = [name for name in names if name not in MODELS]
    is_main = interval == problem.main_interval
    return tuple(name for name in names if is_main or name not in ONCE)


def run(piece: Piece, seeds: Sequence[int], folder: Path) -> float:
    """Run what a piece's file lacks.

    Returns:
        CPU seconds that it took.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / piece.file_name
    known = {(row.method, row.seed) for row in read(path)}
    is_new = not path.exists()
    start_s = time.process_time()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [it.name for it in fields(Row)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        for seed in seeds:
            for method in piece.methods:
                if (method, seed) not in known:
                    writer.writerow(_rounded(measured(piece, method, seed)))
                    file.flush()
    return time.process_time() - start_s


def measured(piece: Piece, method: str, seed: int) -> Row:
    """One run, and one member retrained under its schedule."""
    make = PROBLEMS[piece.problem]
    start_s = time.process_time()
    problem = make(seed)
    interval = piece.interval or problem.total
    outcome = Population(problem, scheduler_of(method, problem, interval), piece.members).run()
    again = retrained(make(seed, seed + RETRAINED_SEED), outcome.schedule)
    return Row(
        piece.problem,
        piece.members,
        piece.interval,
        method,
        seed,
        outcome.score,
        outcome.test,
        outcome.area,
        again.test,
        outcome.member_steps,
        outcome.copies,
        outcome.generations,
        time.process_time() - start_s,
        outcome.decide_s,
    )


def _rounded(row: Row) -> dict[str, object]:
    return {
        name: float(f"{value:.7g}") if isinstance(value, float) else value
        for name, value in asdict(row).items()
    }


def read(path: Path) -> Iterator[Row]:
    """The rows of a file; none if it isn't there."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            yield Row(*(kind(cells[name]) for name, kind in _KINDS.items()))


_KINDS = {
    it.name: {"str": str, "int": int, "float": float}[getattr(it.type, "__name__", str(it.type))]
    for it in fields(Row)
}


def read_all(folder: Path) -> list[Row]:
    """The rows of all files of a folder, in the order of their names."""
    return [row for path in sorted(folder.glob("*.csv")) for row in read(path)]
