"""The Slurm example, under a Slurm of shell scripts: real signals, a fake scontrol."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pbtune.journal.reader import JournalReader

SCRIPT = Path(__file__).parents[2] / "examples" / "slurm_ray.sh"
SOURCE = Path(__file__).parents[2] / "src"

SCONTROL = """#!/bin/bash
echo "scontrol $*" >> "$FAKE_LOG"
if [ "$1" = show ]; then printf 'node1\\nnode2\\n'; fi
"""
SRUN = """#!/bin/bash
echo "srun $*" >> "$FAKE_LOG"
while [[ "$1" == -* ]]; do if [ "$1" = -w ]; then shift; fi; shift; done
if [ "$1" = hostname ]; then echo 127.0.0.1; exit; fi
exec "$@"
"""
RAY = """#!/bin/bash
echo "ray token=${#RAY_AUTH_TOKEN} $*" >> "$FAKE_LOG"
exec sleep 600
"""
PROGRAM = """
import os, sys
from pathlib import Path
import pbtune
from pbtune import tune

def train(config):
    start = tune.get_checkpoint()
    step = 0 if start is None else int(Path(start.path, "step").read_text())
    while step < 8:
        step += 1
        with tune.new_checkpoint() as path:
            Path(path, "step").write_text(str(step))
            tune.report({"step": step}, checkpoint=tune.Checkpoint(path))
        if step == 4 and not Path("warned").exists():
            Path("ready").touch()
            while True:
                tune.report({"step": step})

pbtune.init(num_cpus=1)
run = tune.RunConfig(name="run", storage_path="runs", resume="auto", verbose=0)
tune.Tuner(train, run_config=run).fit()
"""


@pytest.fixture
def slurm(tmp_path):
    """Starts the job; the log says what was asked of Slurm and of Ray."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN), ("ray", RAY)):
        (bin_dir / name).write_text(text)
        (bin_dir / name).chmod(0o755)
    (tmp_path / "train.py").write_text(PROGRAM)
    log = tmp_path / "log"
    environment = {
        **os.environ,
        "PATH": f"{bin_dir}:{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "PYTHONPATH": str(SOURCE),
        "FAKE_LOG": str(log),
        "SLURM_JOB_ID": "77",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_CPUS_PER_TASK": "3",
    }
    jobs = []

    def submit():
        command = ["bash", str(SCRIPT), "train.py"]
        jobs.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
        return jobs[-1]

    submit.log = log
    yield submit
    for job in jobs:
        if job.poll() is None:
            job.kill()
            job.wait()


@pytest.mark.slow
@pytest.mark.parametrize("warning", [signal.SIGUSR1, signal.SIGTERM])
def test_a_preempted_job_ends_in_order_is_requeued_and_goes_on(slurm, tmp_path, warning):
    import threading

    job = slurm()
    while not (tmp_path / "ready").exists():
        assert job.poll() is None
        threading.Event().wait(0.05)
    (tmp_path / "warned").touch()
    job.send_signal(warning)
    assert job.wait(60) == 0
    log = slurm.log.read_text()
    assert "scontrol requeue 77" in log
    assert log.count("ray token=64 start") == 2
    assert "--num-cpus=3" in log
    with JournalReader(tmp_path / "runs" / "run") as reader:
        before = [entry.record for entry in reader.entries()]
    again = slurm()
    assert again.wait(60) == 0
    assert slurm.log.read_text().count("requeue") == 1
    with JournalReader(tmp_path / "runs" / "run") as reader:
        after = [entry.record for entry in reader.entries()]
    assert after[: len(before)] == before
    kinds = [type(record).__name__ for record in after]
    assert kinds.count("Opened") == 2
    assert kinds.count("Failed") == 0
    assert kinds.count("Completed") == 1


def test_the_example_says_which_script_it_needs(slurm, tmp_path):
    job = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert job.returncode != 0
    assert "say which script to run" in job.stderr
