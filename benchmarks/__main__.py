"""``python -m benchmarks``: measure the figures, and print each beside its goal."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.figures import FIGURES
from benchmarks.machine import describe
from benchmarks.measure import Figure, Measured, Options, Outcome, Unmeasured, say
from benchmarks.tables import details_table, goals_table, text_of

RUNS = 5


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="How fast pbtune is, beside a hand-written loop and beside Ray Tune.",
        epilog=(
            "Runs and temporary files go to the folder for temporary files: TMPDIR chooses another"
            " file system. Ray Tune is measured if `make bench-ray` has been run."
        ),
    )
    names = [figure.name for figure in FIGURES]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument(
        "--runs", type=_count, default=RUNS, metavar="N", help=f"of each program (default {RUNS})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples here too")
    parser.add_argument(
        "--no-ray", action="store_true", help="leave Ray Tune out: it takes minutes"
    )
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        message = f"it must be at least 1, not {count}"
        raise argparse.ArgumentTypeError(message)
    return count


def measured(figure: Figure, options: Options) -> Outcome:
    """What a figure gives; where it can't be measured, the reason for each of its goals."""
    try:
        return figure.measure(options)
    except Unmeasured as missing:
        return Outcome({goal.key: str(missing) for goal in figure.goals}, failed=True)


def as_json(machine: dict[str, str], runs: int, outcomes: dict[str, Outcome]) -> dict[str, Any]:
    """Everything that was measured, as plain data."""
    values: dict[str, Any] = {}
    for outcome in outcomes.values():
        for key, value in outcome.values.items():
            values[key] = asdict(value) if isinstance(value, Measured) else {"missing": value}
    raw = {name: outcome.raw for name, outcome in outcomes.items()}
    return {"machine": machine, "runs": runs, "values": values, "raw": raw}


def main() -> int:
    """Measure and print.

    Returns:
        0, also where a bound is missed: that is for people to judge. 1 if a program failed.
    """
    chosen = parse()
    figures = [figure for figure in FIGURES if not chosen.only or figure.name in chosen.only]
    options = Options(runs=chosen.runs, ray=not chosen.no_ray)
    machine = describe()
    outcomes: dict[str, Outcome] = {}
    for number, figure in enumerate(figures, start=1):
        say(f"[{number}/{len(figures)}] {figure.name}")
        outcomes[figure.name] = measured(figure, options)
    goals = [goal for figure in figures for goal in figure.goals]
    values = {key: value for one in outcomes.values() for key, value in one.values.items()}
    tables = [goals_table(goals, values), details_table(goals, values)]
    tables += [table for outcome in outcomes.values() for table in outcome.tables]
    print("; ".join(f"{name}: {value}" for name, value in machine.items()))
    for table in tables:
        print(f"\n{text_of(table)}")
    if chosen.json:
        text = json.dumps(as_json(machine, chosen.runs, outcomes), indent=1)
        chosen.json.write_text(f"{text}\n")
    missed = [
        goal.key
        for goal in goals
        if isinstance(value := values.get(goal.key), Measured)
        and goal.verdict(value.value) == "MISSED"
    ]
    if missed:
        print(f"\nBelow what must be: {', '.join(missed)}")
    return 1 if any(outcome.failed for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
