"""Workers that are started one by one: where they differ from those that are forked."""

import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest

from pbtune import tune
from pbtune.core.plan import Running
from pbtune.errors import EnvironmentFault, SettingsError
from pbtune.executors.processes import posix, starting
from pbtune.executors.processes.direct import DirectLauncher
from pbtune.executors.processes.template import TemplateLauncher
from pbtune.worker.protocol import Died, Finished, Streamed

pytestmark = pytest.mark.usefixtures("spawned")


@pytest.mark.slow
def test_a_death_is_told_behind_all_that_was_streamed_before_it(processes, drive, start):
    def train(config):
        for at in range(50):
            tune.report({"at": at})
        os.kill(os.getpid(), signal.SIGKILL)

    harness = drive(processes(train))
    harness.executor.do(start())
    assert "SIGKILL" in harness.until(Died).message
    assert harness.kinds() == ["Streamed"] * 50 + ["Died"]
    assert list(harness.executor.running()) == [Running(0)]


@pytest.mark.slow
def test_a_slot_s_environment_and_the_threads_of_libraries_are_set(
    processes, drive, start, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def train(config):
        tune.report({name: os.environ[name] for name in ("PBTUNE_TEST", "OMP_NUM_THREADS")})

    harness = drive(processes(train, environments=({"PBTUNE_TEST": "7"},)))
    harness.executor.do(start())
    harness.until(Finished)
    assert harness.metrics() == [{"PBTUNE_TEST": "7", "OMP_NUM_THREADS": "1"}]


@pytest.mark.slow
def test_closing_ends_a_worker_with_its_children(processes, drive, start, ends):
    def train(config):
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        child.stdout.readline()
        tune.report({"child": child.pid, "own": os.getpid()})
        signal.pause()

    harness = drive(processes(train))
    harness.executor.do(start())
    harness.until(Streamed)
    harness.executor.close(0.0)
    (metrics,) = harness.metrics()
    assert ends(metrics["child"])
    assert ends(metrics["own"])


@pytest.mark.slow
def test_children_that_a_worker_leaves_end_with_it(processes, drive, start, ends):
    def train(config):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        tune.report({"child": child.pid})
        os._exit(3)

    harness = drive(processes(train))
    harness.executor.do(start())
    harness.until(Died)
    assert ends(harness.metrics()[0]["child"])


DRIVER = """
import os, signal, sys
from pbtune import tune
from pbtune.core.plan import Start
from pbtune.core.lease import Lease, Rule
from pbtune.executors.processes.executor import ProcessExecutor
from pbtune.executors.processes.starting import launch
from pbtune.tune.pickling import pickled
from pbtune.worker.process import Job
from pbtune.worker.protocol import WorkerSettings
from pbtune.core.exact import decode_metrics

def train(config):
    child = os.fork()
    if child == 0:
        signal.pause()
    tune.report({"pids": [os.getpid(), child]})
    signal.pause()

def launching():
    launcher = launch((), 1)
    launcher.load(pickled(Job(WorkerSettings(sys.argv[1], "run", ()), train, {})))
    return launcher

executor = ProcessExecutor(1, launching)
executor.do(Start(0, "t0", 1, 0, {}, Lease(), 1))
messages = []
while not messages:
    messages = executor.wait(1.0)
print(*decode_metrics(messages[0].metrics)["pids"], flush=True)
if sys.argv[2] == "kill its guard first":
    executor._launcher._system._guard._popen.kill()
    executor._launcher._system._guard._popen.wait()
    executor._launcher._system._guard.add(1 << 22)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["just so", "kill its guard first"])
def test_a_driver_that_is_killed_takes_its_workers_and_their_children_along(tmp_path, ends, how):
    driver = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DRIVER), str(tmp_path), how],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert driver.returncode == -signal.SIGKILL
    pids = [int(word) for word in driver.stdout.split()]
    assert len(pids) == 2
    assert all(ends(pid) for pid in pids)


def test_a_process_that_the_system_cannot_start_is_a_fault_of_the_environment(
    processes, drive, start, monkeypatch
):
    executor = processes(lambda config: None)
    drive(executor)

    def refused(*_args, **_options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(posix.subprocess, "Popen", refused)
    with pytest.raises(EnvironmentFault, match="can't be started: Resource temporarily"):
        executor.do(start())


@pytest.mark.parametrize(
    ("platform", "asked", "method"),
    [
        ("linux", "", "fork"),
        ("linux", "fork", "fork"),
        ("linux", "spawn", "spawn"),
        ("darwin", "", "spawn"),
        ("win32", "spawn", "spawn"),
    ],
)
def test_workers_are_forked_on_linux_unless_the_environment_says_otherwise(
    monkeypatch, platform, asked, method
):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(starting.VARIABLE, asked)
    assert starting.start_method() == method


@pytest.mark.parametrize(("platform", "asked"), [("darwin", "fork"), ("linux", "forkserver")])
def test_a_start_method_that_is_not_there_is_refused(monkeypatch, platform, asked):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(starting.VARIABLE, asked)
    with pytest.raises(SettingsError, match=re.escape("PBTUNE_START_METHOD must be")):
        starting.start_method()


def test_the_launcher_follows_the_start_method(monkeypatch):
    spawning = starting.launch((), threads=1)
    spawning.close()
    assert isinstance(spawning, DirectLauncher)
    monkeypatch.setenv(starting.VARIABLE, "fork")
    forking = starting.launch((), threads=1)
    forking.close()
    assert isinstance(forking, TemplateLauncher)
