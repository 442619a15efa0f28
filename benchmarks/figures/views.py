"""The page: how soon a run of a million reports is open, and what its readers cost the driver."""

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import (
    Figure,
    Goal,
    Measured,
    Options,
    Outcome,
    Unmeasured,
    environment,
    percentile,
    say,
    script,
    spread,
    storage_folder,
    workload,
)

OPENED = Goal("page_million", "a run of 1,000,000 reports, until all of it is drawn", "s", 2, 1)
P50 = Goal("page_p50", "blocking report, 50 readers of the page over none, p50", "x", 1.1, 1.03)
P99 = Goal("page_p99", "the same, p99", "x", 1.1, 1.03)
SHAPES = {"tall": (100, 100, 100), "wide": (1_000, 20, 50)}
"""Members, reports between two decisions, decisions."""
READERS = 50
INTERVALS = 6_000


@contextmanager
def dashboard(folder: Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "pbtune", "dashboard", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment(folder)
    ) as process:
        try:
            lines = process.stdout or []
            yield next(line.strip() for line in lines if line.startswith("http"))
        except StopIteration:
            message = "the dashboard didn't start: pip install 'pbtune[dashboard]'"
            raise Unmeasured(message) from None
        finally:
            process.terminate()
            process.wait()


def write_million(folder: Path, shape: str) -> None:
    """A run that has ended, straight into its journal."""
    from pbtune.testing.made_run import MadeRun  # noqa: PLC0415  measured programs need it not

    members, interval, rounds = SHAPES[shape]
    made = MadeRun(folder / shape, members, interval)
    made.train(rounds)
    made.end()


def measure_opening(options: Options) -> Outcome:
    """Each time by a new server and a new browser: nothing is warm but the disk's cache."""
    if importlib.util.find_spec("playwright") is None or shutil.which("chromium") is None:
        message = "it needs Playwright and Chromium"
        raise Unmeasured(message)
    raw: dict[str, list[dict[str, float]]] = {shape: [] for shape in SHAPES}
    with storage_folder() as storage:
        for shape in SHAPES:
            say(f"writing a million reports, {shape}")
            write_million(storage, shape)
            for turn in range(options.runs):
                say(f"opening them, run {turn}")
                with dashboard(storage) as url:
                    _, got = workload("page", storage, "--url", url, "--run", shape)
                raw[shape].append(got)
    worst = {shape: [max(got.values()) for got in found] for shape, found in raw.items()}
    slowest = max(worst, key=lambda shape: statistics.median(worst[shape]))
    detail = "; ".join(
        f"{SHAPES[shape][0]:,} members {spread(found, 2)}" for shape, found in worst.items()
    )
    return Outcome({OPENED.key: Measured(statistics.median(worst[slowest]), detail)}, {"runs": raw})


@contextmanager
def readers(url: str, told: dict[str, Any]) -> Iterator[None]:
    """``READERS`` open streams of the run that begins meanwhile; ``told`` gets what they heard."""
    command = [sys.executable, str(script("benchmarks/workloads/listeners.py"))]
    command += ["--url", url, "--count", str(READERS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield
        finally:
            out, _ = process.communicate()
            told.update(json.loads(out or "{}"))


def verdicts(*, is_watched: bool) -> dict[str, float]:
    """Two members that only report, every fifth report blocking, as in "report_blocking"."""
    told: dict[str, Any] = {}
    arguments = ("--members", "2", "--intervals", str(INTERVALS))
    with storage_folder() as storage:
        if not is_watched:
            _, got = workload("verdicts", storage, *arguments)
        else:
            with dashboard(storage) as url, readers(url, told):
                _, got = workload("verdicts", storage, *arguments)
    calls = [ns / 1e6 for ns in got["verdicts_ns"]]
    return {"p50_ms": percentile(calls, 0.5), "p99_ms": percentile(calls, 0.99), **told}


def measure_readers(options: Options) -> Outcome:
    """With and without, in turns, so that both meet the same machine."""
    raw: dict[str, list[dict[str, float]]] = {"alone": [], "watched": []}
    for turn in range(options.runs):
        say(f"blocking reports with and without {READERS} readers, run {turn}")
        for name in ("alone", "watched") if turn % 2 == 0 else ("watched", "alone"):
            raw[name].append(verdicts(is_watched=name == "watched"))
            time.sleep(0.2)
    values: dict[str, Measured | str] = {}
    for goal, key in ((P50, "p50_ms"), (P99, "p99_ms")):
        alone, watched = ([it[key] for it in raw[name]] for name in ("alone", "watched"))
        ratio = statistics.median(watched) / statistics.median(alone)
        detail = f"ms with {spread(watched)}, without {spread(alone)}"
        values[goal.key] = Measured(ratio, detail)
    heard = sum(it.get("events", 0) for it in raw["watched"]) / len(raw["watched"])
    first = values[P50.key]
    if isinstance(first, Measured):
        values[P50.key] = Measured(
            first.value, f"{first.detail}; {heard:,.0f} events to the readers a run"
        )
    return Outcome(values, {"runs": raw, "cores": os.cpu_count()})


OPENING = Figure("page_million", (OPENED,), measure_opening)
READING = Figure("page_readers", (P50, P99), measure_readers)
