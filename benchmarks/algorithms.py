"""Compare the methods: ``python -m benchmarks.algorithms --seeds 20 --out docs/benchmarks``.

Writes one CSV a piece into OUT/algorithms/raw, what could be reached into
OUT/algorithms/bounds.json, figures into OUT/algorithms, and the report OUT/algorithms.md. What is
there already isn't run again.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.comparison.problems.base import Problem
from benchmarks.comparison.suite import NO_INTERVAL, PROBLEMS, TOYS, Piece, pieces, run

BOUND_SEEDS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.algorithms", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="seeds 0 to N-1 of every method")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--only", nargs="*", default=[], help='problems, such as B1 "B2 plain"')
    parser.add_argument("--intervals", nargs="*", type=int, default=[], help="only these")
    parser.add_argument("--methods", nargs="*", default=[], help='only these, such as "MF-PBT"')
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--no-run", action="store_true", help="only the report, of what is there")
    parser.add_argument("--no-report", action="store_true", help="only the runs")
    given = parser.parse_args(arguments)
    problems = [PROBLEMS[name] for name in given.only] or list(TOYS)
    folder = given.out / "algorithms"
    if not given.no_run:
        _run(pieces(problems), given, folder)
    if not given.no_report:
        _bounds(problems, folder / "bounds.json")
        from benchmarks.comparison.report import write  # noqa: PLC0415  imports matplotlib

        write(folder, given.out / "algorithms.md")
    return 0


def _run(wanted: list[Piece], given: argparse.Namespace, folder: Path) -> None:
    if given.intervals:
        wanted = [it for it in wanted if it.interval in given.intervals]
    if given.methods:
        found = [tuple(name for name in it.methods if name in given.methods) for it in wanted]
        pairs = zip(wanted, found, strict=True)
        wanted = [replace(it, methods=names) for it, names in pairs if names]
    # The longest first, so that no process is alone with one of them at the end.
    wanted.sort(key=lambda piece: (piece.interval == NO_INTERVAL, piece.interval))
    start_s, cpu_s = time.perf_counter(), 0.0
    work = partial(run, seeds=range(given.seeds), folder=folder / "raw")
    with ExitStack() as stack:
        if given.jobs == 1:
            took = map(work, wanted)
        else:
            took = stack.enter_context(ProcessPoolExecutor(given.jobs)).map(work, wanted)
        for piece, seconds in zip(wanted, took, strict=True):
            cpu_s += seconds
            print(f"{piece.file_name}: {seconds:.0f} s of CPU", file=sys.stderr, flush=True)
    took_s = time.perf_counter() - start_s
    print(f"{took_s:.0f} s, {cpu_s:.0f} s of CPU in {given.jobs} processes", file=sys.stderr)


def _bounds(problems: Sequence[type[Problem]], path: Path) -> None:
    """Compute what is missing of what could be reached."""
    known = json.loads(path.read_text()) if path.exists() else {}
    for problem in problems:
        if problem.name not in known:
            found = problem.bounds(range(BOUND_SEEDS))
            known[problem.name] = {bound.name: round(bound.value, 5) for bound in found}
            path.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
