"""A stage on which the scenario is killed and taken up again, and what must hold afterwards.

``pytest tests/crash`` runs a part of every sweep; ``--soak`` all of it; ``--point N`` one point.
"""

import functools
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

import pbtune
from pbtune.core.decisions import SCHEDULER_KINDS
from pbtune.core.events import Saved
from pbtune.driver.recover import recover_entries
from pbtune.journal.reader import JournalReader
from pbtune.tune.checking import check_run

HERE = Path(__file__).parent
SCENARIO = HERE / "scenario.py"
INTERVAL, SLOTS, MEMBERS, UNTIL = 2, 2, 4, 6
"""Of the scenario: steps between two gates, workers, the population, and steps of each member."""
POINTS_IN_CI = 4
TIME_OUT_S = 60
ORPHANS_S = 5.0
_UNCOMPARED = ("time_total_s", "checkpoint")
"""What a kill may change of a decision: times, and checkpoints' numbers, never given twice."""
COUNTS = pytest.StashKey[dict[str, object]]()


def pytest_addoption(parser):
    group = parser.getgroup("crash")
    group.addoption(
        "--soak", action="store_true", help="every point of every sweep, and long rounds"
    )
    group.addoption("--point", type=int, help="this point of a sweep only")


def pytest_configure(config):
    config.stash[COUNTS] = {}


def pytest_sessionfinish(session):
    # One of several processes that share the tests tells the first what it counted.
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["crash_counts"] = session.config.stash[COUNTS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    counts = node.config.stash[COUNTS]
    for what, count in getattr(node, "workeroutput", {}).get("crash_counts", {}).items():
        counts[what] = counts.get(what, 0) + count


def pytest_terminal_summary(terminalreporter, config):
    for what, count in config.stash.get(COUNTS, {}).items():
        terminalreporter.write_line(f"{what}: {count}")


class Shim(NamedTuple):
    """One fault: what shim.c reads from its environment."""

    role: str
    at: int = 0
    do: str = "kill"
    span: int = 1
    calls: str = ""
    path: str = ""

    def environment(self, library, counter):
        given = {"CALLS": self.calls, "PATH": self.path}
        return {
            "LD_PRELOAD": str(library),
            "SHIM_ROLE": self.role,
            "SHIM_COUNTER": str(counter),
            "SHIM_AT": str(self.at),
            "SHIM_DO": self.do,
            "SHIM_FOR": str(self.span),
            **{f"SHIM_{name}": value for name, value in given.items() if value},
        }


class Played(NamedTuple):
    """One run of the script: its exit code, what it printed, and the shim's two counts."""

    code: int
    output: str
    calls: int = 0
    failed: int = 0


class Stage:
    """A storage folder of its own, and the scenario in it."""

    def __init__(self, folder, library=None):
        self.folder = folder
        self.run_dir = folder / "run"
        self._library = library
        self._count = 0
        folder.mkdir(parents=True)

    def start(self, *args, shim=None, script=SCENARIO, **kwargs):
        """The script as a process; its standard output and error go into one pipe."""
        source = str(Path(pbtune.__file__).parents[1])
        env = {**os.environ, "PYTHONPATH": source, "CRASH_STAGE": str(self.folder)}
        if shim is not None:
            self._count += 1
            self.counter.write_bytes(bytes(16))
            env |= shim.environment(self._library, self.counter)
        command = [sys.executable, str(script), str(self.folder), *args]
        return subprocess.Popen(
            command,
            env=env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **kwargs,
        )

    @property
    def counter(self):
        return self.folder / f"counter-{self._count}"

    def play(self, *args, shim=None):
        """The script to its end, by whatever it ends."""
        with self.start(*args, shim=shim) as process:
            try:
                output, _ = process.communicate(timeout=TIME_OUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                output, _ = process.communicate()
                output += f"\n(killed after {TIME_OUT_S} s)"
        calls = failed = 0
        if shim is not None:
            calls, failed = struct.unpack("qq", self.counter.read_bytes())
        return Played(process.returncode, output, calls, failed)

    def acknowledged(self):
        """Nonces of the reports whose driver had answered, or had answered a later one.

        The steps at the gate block; what was streamed before one is stored when it returns.
        """
        by_process = {}
        for line in self.log():
            process, step, nonce, _end = line.split()
            by_process.setdefault(process, []).append((int(step), nonce))
        for reports in by_process.values():
            while reports and reports[-1][0] % INTERVAL:
                reports.pop()
        return [nonce for reports in by_process.values() for _, nonce in reports]

    def log(self):
        """The lines of the side log, but for those that a kill tore."""
        file = self.folder / "acknowledged"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if line.endswith(" .")]

    def decisions(self):
        """The scheduler's decisions in trial order, without what a kill may change."""
        with JournalReader(self.run_dir) as reader:
            records = [entry.record for entry in reader.entries()]
        log = [
            {
                key: value
                for key, value in msgspec.to_builtins(record).items()
                if key not in _UNCOMPARED
            }
            for record in records
            if isinstance(record, SCHEDULER_KINDS)
        ]
        return sorted(log, key=lambda it: it.get("trial", ""))

    def is_closed(self):
        """Whether the last driver left one plain file."""
        names = {it.name for it in self.run_dir.iterdir()}
        return "run.db" in names and "run.db-wal" not in names

    def problems(self, golden, kills, *, slots=SLOTS, reports=MEMBERS * UNTIL):
        """All that is wrong with a run that has come to its end.

        Args:
            golden: The decision log of a run that nobody disturbed.
            kills: How often workers died, ``slots`` of them at a time.
            slots: See above.
            reports: How many an undisturbed run makes.
        """
        return [
            *self._lost(),
            *self._redone(reports + kills * slots * INTERVAL),
            *([] if self.decisions() == golden else ["the decision log differs"]),
            *self._damage(),
            *self._litter(),
            *self._unverified(),
        ]

    def _lost(self):
        with JournalReader(self.run_dir) as reader:
            stored = {row.metrics()["nonce"] for row in reader.reports(superseded=True)}
        lost = [nonce for nonce in self.acknowledged() if nonce not in stored]
        return [f"acknowledged, but not in the journal: {lost}"] if lost else []

    def _redone(self, most):
        done = len(self.log())
        return [f"{done} steps were done, not at most {most}"] if done > most else []

    def _damage(self):
        connection = sqlite3.connect(self.run_dir / "run.db")
        (said,) = connection.execute("PRAGMA integrity_check").fetchone()
        connection.close()
        found = [] if said == "ok" else [f"integrity_check: {said}"]
        with JournalReader(self.run_dir) as reader:
            entries = list(reader.entries())
        state = recover_entries(entries).state
        saved = {it.record.checkpoint: it.record for it in entries if isinstance(it.record, Saved)}
        assert len(state.references) == len(state.trials)
        for name in state.references:
            file = self.run_dir / name / "state.json"
            if not file.is_file():
                found.append(f"{name} is needed, and missing")
            elif json.loads(file.read_text())["step"] != saved[name].step:
                found.append(f"{name} holds another step than the journal says")
        present = {f"{it.parent.name}/{it.name}" for it in self.run_dir.glob("t*/checkpoint_*")}
        strays = sorted(present - set(state.references))
        return [*found, *(f"{name} is needed by nobody" for name in strays)]

    def _litter(self):
        allowed = {"run.db", "driver.lock", "tuner.pkl", "pbt_global.txt"}
        files = [it.name for it in self.run_dir.iterdir() if it.is_file()]
        top = [it for it in files if it not in allowed and not it.startswith("pbt_policy_")]
        temporary = [str(it.relative_to(self.run_dir)) for it in self.run_dir.glob("**/.tmp-*")]
        others = [it.name for it in self.folder.iterdir() if it.is_dir() and it.name != "run"]
        left = [*top, *temporary, *others]
        return [f"left behind: {left}"] if left else []

    def _unverified(self):
        checked = check_run(self.run_dir)
        found = [f"{name}: {problem}" for name, problem in checked.problems.items()]
        found += [] if checked.is_kept_right else ["what is kept folded is wrong"]
        return found if checked.difference is None else [*found, repr(checked.difference)]

    def wait_for(self, count):
        """Until so many reports have come back, or the script has had its time."""
        deadline_s = time.monotonic() + TIME_OUT_S
        while len(self.log()) < count:
            assert time.monotonic() < deadline_s, f"no {count} reports in {TIME_OUT_S} s"
            time.sleep(0.005)

    def processes(self):
        """Those of this stage that are alive, by their environment, which forks keep."""
        mark = f"CRASH_STAGE={self.folder}\0".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:  # noqa: PERF203  gone meanwhile, or not ours
                continue
        return found

    def orphans(self):
        """Processes that are still alive when a dead driver's should be gone, and how long."""
        since_s = time.monotonic()
        while (alive := self.processes()) and time.monotonic() - since_s < ORPHANS_S:
            time.sleep(0.01)
        return alive, time.monotonic() - since_s

    def strike(self):
        """Remove the folder; a stage that failed stays, to be looked at."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder)


class Sweep:
    """Plays points side by side, and says how to repeat each one that fails."""

    def __init__(self, request, tmp_path, library, golden):
        self._request, self._tmp_path = request, tmp_path
        self._library, self._golden = library, golden
        self.is_soak = request.config.getoption("--soak", default=False)

    def stage(self, name):
        return Stage(self._tmp_path / str(name), self._library)

    def __call__(self, what, count, problems_at):
        """Play points 1..count, or those that are chosen.

        ``problems_at(stage, point)`` is what is wrong after one of them, and how many faults there
        were.
        """
        chosen = self._request.config.getoption("--point", default=None)
        points = [chosen] if chosen else list(range(1, count + 1))
        if not chosen and not self.is_soak:
            stride = -(-count // POINTS_IN_CI)
            # Each sweep at points of its own, the same in each run.
            points = points[zlib.crc32(what.encode()) % stride :: stride]

        def at(point):
            stage = self.stage(f"point-{point}")
            problems, faults = problems_at(stage, point)
            if not problems:
                stage.strike()
            return problems, faults

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = list(pool.map(at, points))
        faults = sum(faults for _, faults in outcomes)
        self._request.config.stash[COUNTS][what] = f"{faults}, at {len(points)} of {count} points"
        failed = [(point, said) for point, (said, _) in zip(points, outcomes, strict=True) if said]
        if failed:
            pytest.fail(self._told(failed), pytrace=False)

    def _told(self, failed):
        test = self._request.node.nodeid
        lines = [f"{len(failed)} points failed; repeat one by its command:"]
        for point, said in failed:
            lines.append(f"  python -m pytest '{test}' --point {point}")
            lines += [f"      {it}" for it in said]
        return "\n".join(lines)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    compiler = shutil.which("cc")
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip("the shim needs Linux and a C compiler named cc")
    target = tmp_path_factory.mktemp("shim") / "shim.so"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
    subprocess.run(
        [compiler, *flags, "-o", target, HERE / "shim.c", "-ldl", "-lpthread"], check=True
    )
    return target


@pytest.fixture(scope="session")
def golden_of(tmp_path_factory):
    """``golden_of(until)``: the decision log of a run that nobody disturbed."""

    @functools.cache
    def call(until):
        stage = Stage(tmp_path_factory.mktemp("golden") / "stage")
        played = stage.play(f"--until={until}")
        assert played.code == 0, played.output
        decisions = stage.decisions()
        assert stage.problems(decisions, 0, reports=MEMBERS * until) == []
        assert len(stage.acknowledged()) == MEMBERS * until
        return decisions

    return call


@pytest.fixture(scope="session")
def golden(golden_of):
    return golden_of(UNTIL)


@pytest.fixture
def sweep(request, tmp_path, library, golden):
    return Sweep(request, tmp_path, library, golden)


@pytest.fixture
def count_of(tmp_path, library):
    """``count_of(Shim(...))``: how many such calls a run without a fault makes."""

    def call(shim, *args):
        stage = Stage(tmp_path / "counting", library)
        played = stage.play(*args, shim=shim)
        assert played.code == 0, played.output
        assert played.calls > 0
        stage.strike()
        return played.calls

    return call


@pytest.fixture
def shim():
    return Shim


@pytest.fixture
def rounds(request):
    """``rounds(what, 5, 100)``: 5 of them in CI, 100 in the soak."""

    def call(what, few, many):
        count = many if request.config.getoption("--soak", default=False) else few
        request.config.stash[COUNTS][what] = count
        return range(count)

    return call


@pytest.fixture
def counts(request):
    """Figures for the end of the session's output, by name."""
    return request.config.stash[COUNTS]


@pytest.fixture
def stages(tmp_path):
    """``stages(name)``: a new stage; what still runs there ends with the test."""
    made = []

    def call(name):
        made.append(Stage(tmp_path / str(name)))
        return made[-1]

    yield call
    for stage in made:
        stage.strike()
