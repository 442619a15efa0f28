"""What every figure needs: goals, measured values, child processes, medians.

A figure that can't be measured raises ``Unmeasured`` with the reason; it never makes up a number.
"""

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RAY_PYTHON = ROOT / ".venv-ray" / "bin" / "python"
TIMEOUT_S = 600.0


class Unmeasured(Exception):
    """The figure has no value here; the message says why."""


@dataclass(frozen=True)
class Options:
    """How much to measure, and with what.

    Args:
        runs: How many times each program runs, >= 1; values are medians over them.
        ray: Whether to run Ray Tune, where its environment is there: minutes.
    """

    runs: int = 5
    ray: bool = True


@dataclass(frozen=True)
class Goal:
    """One line of the table: what is measured, and how good it has to be."""

    key: str
    title: str
    unit: str
    must: float
    aim: float
    more_is_better: bool = False

    def verdict(self, value: float) -> str:
        """Which of the two bounds the value keeps."""
        sign = -1.0 if self.more_is_better else 1.0
        if sign * value <= sign * self.aim:
            return "aim"
        return "must" if sign * value <= sign * self.must else "MISSED"

    def share(self, value: float) -> float:
        """The value over what it must be, turned round where more is better: 1 or less is kept."""
        return self.must / value if self.more_is_better else value / self.must


@dataclass(frozen=True)
class Measured:
    """A value for a goal, and what a reader should know about it."""

    value: float
    detail: str = ""


@dataclass(frozen=True)
class Table:
    """A titled table of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """What a figure gave: values by the goals' keys, or the reason why one has none.

    ``failed`` says that a program which should have run did not.
    """

    values: Mapping[str, Measured | str]
    raw: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class Figure:
    """Goals that are measured together."""

    name: str
    goals: tuple[Goal, ...]
    measure: Callable[[Options], Outcome]


@dataclass(frozen=True)
class Ran:
    """A child process that came to its end."""

    wall_s: float
    stdout: str


def say(text: str) -> None:
    """Show progress where it doesn't disturb the table."""
    print(f"  {text}", file=sys.stderr, flush=True)


def environment(storage: Path | str) -> dict[str, str]:
    """The variables of a child: this checkout's packages, and a folder for its runs."""
    variables = dict(os.environ)
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    variables["PBTUNE_STORAGE"] = str(storage)
    # Without cached bytecode every start would compile the package again.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def run(
    command: Sequence[str | Path],
    storage: Path | str,
    *,
    timeout_s: float = TIMEOUT_S,
) -> Ran:
    """Run a command to its end, and time it from before its start to after its exit.

    Raises:
        Unmeasured: If it fails or takes too long.
    """
    words = [str(word) for word in command]
    # The word that says which program this is: the first that is no option of the interpreter.
    name = next((Path(word).name for word in words[1:] if not word.startswith("-")), words[0])
    start_s = time.perf_counter()
    try:
        done = subprocess.run(
            words,
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=storage,
            env=environment(storage),
        )
    except subprocess.TimeoutExpired:
        message = f"{name} was not done after {timeout_s:.0f} s"
        raise Unmeasured(message) from None
    wall_s = time.perf_counter() - start_s
    if done.returncode != 0:
        raise Unmeasured(_failure(name, done))
    return Ran(wall_s, done.stdout)


def _failure(name: str, done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = lines[-1] if lines else "it said nothing"
    # The last line of a traceback may name a file of this machine.
    return f"{name} ended with status {done.returncode}: {said}".replace(f"{ROOT}{os.sep}", "")


def script(path: str) -> Path:
    """A program of this repository.

    Raises:
        Unmeasured: If it isn't there.
    """
    found = ROOT / path
    if not found.is_file():
        message = f"{path} isn't there"
        raise Unmeasured(message)
    return found


@contextmanager
def storage_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, for runs and for what a workload writes."""
    with tempfile.TemporaryDirectory(prefix="pbtune-bench-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def workload(
    name: str, storage: Path, *arguments: str, python: Path | str = sys.executable
) -> tuple[Ran, dict[str, Any]]:
    """Run a program of ``benchmarks/workloads`` and read what it wrote to its ``--out`` file."""
    out = storage / "out.json"
    program = script(f"benchmarks/workloads/{name}.py")
    ran = run([python, program, "--out", out, *arguments], storage)
    return ran, json.loads(out.read_text())


def stored_reports(storage: Path) -> int:
    """How many reports the journal of the only run below a folder has acknowledged.

    Raises:
        Unmeasured: If there is no journal, more than one, or one without reports.
    """
    journals = sorted(storage.rglob("run.db"))
    if len(journals) != 1:
        message = f"expected one run.db after the run, found {len(journals)}"
        raise Unmeasured(message)
    connection = sqlite3.connect(f"{journals[0].as_uri()}?mode=ro", uri=True)
    try:
        (count,) = connection.execute("SELECT count(*) FROM reports").fetchone()
    except sqlite3.Error as error:
        message = f"run.db can't be read: {error}"
        raise Unmeasured(message) from None
    finally:
        connection.close()
    if not count:
        message = "the run stored no report"
        raise Unmeasured(message)
    return count


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least this share of all samples doesn't exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(samples: Sequence[float], digits: int = 3) -> str:
    """Median, least and most of a few samples, as text."""
    middle = statistics.median(samples)
    return (
        f"{middle:.{digits}f} ({min(samples):.{digits}f} to {max(samples):.{digits}f},"
        f" n={len(samples)})"
    )
