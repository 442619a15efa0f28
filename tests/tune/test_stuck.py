"""Members that hang, that are late, and that fail for good: nobody waits for them for ever."""

import ctypes
import os
import signal
import threading
from pathlib import Path

import pytest

from pbtune import tune
from pbtune.core.decisions import Exploited, GateOpened
from pbtune.core.events import Failed
from pbtune.journal.reader import JournalReader
from pbtune.tune.schedulers import PopulationBasedTraining

pytestmark = pytest.mark.slow
TIMEOUT_S = 0.5
UNTIL = 6


def hang_in_python():
    threading.Event().wait()


def hang_in_c():
    # PyDLL keeps the interpreter's lock: nothing else of Python runs in this process any more.
    ctypes.PyDLL(None).pause()


def hang_stopped():
    os.kill(os.getpid(), signal.SIGSTOP)


def records(tmp_path, kind):
    with JournalReader(tmp_path / "run") as reader:
        return [it.record for it in reader.entries() if isinstance(it.record, kind)]


def climbing(before_step):
    """A function that calls ``before_step(trial, step)`` before each step."""

    def climb(config):
        trial, step = tune.get_context().get_trial_id(), 0
        checkpoint = tune.get_checkpoint()
        if checkpoint is not None:
            step = int(Path(checkpoint.path, "step").read_text())
        while True:
            step += 1
            before_step(trial, step)
            with tune.new_checkpoint() as folder:
                Path(folder, "step").write_text(str(step))
                saved = tune.Checkpoint.from_directory(folder)
                tune.report({"score": step * config["lr"]}, checkpoint=saved)

    return climb


def population(**options):
    return PopulationBasedTraining(
        "training_iteration",
        perturbation_interval=2,
        quantile_fraction=0.5,
        hyperparam_mutations={"lr": tune.uniform(0.1, 1.0)},
        synch=True,
        **options,
    )


def settings(scheduler=None, **run):
    return {
        "param_space": {"lr": tune.uniform(0.1, 1.0)},
        "metric": "score",
        "mode": "max",
        "num_samples": 3,
        "scheduler": scheduler,
        "slots": 3,
        "run": {"stop": {"training_iteration": UNTIL}, **run},
    }


@pytest.mark.parametrize("hang", [hang_in_python, hang_in_c, hang_stopped])
def test_a_hung_trial_is_killed_and_goes_on_from_its_last_checkpoint(fit, tmp_path, hang):
    hung = tmp_path / "hung"

    def before_step(trial, step):
        if (trial, step) == ("t1", 4) and not hung.exists():
            hung.touch()
            hang()

    patience = tune.FailureConfig(max_failures=1, report_timeout_s=TIMEOUT_S)
    results = fit(climbing(before_step), **settings(failure_config=patience))
    assert [it.metrics["training_iteration"] for it in results] == [UNTIL] * 3
    (failed,) = records(tmp_path, Failed)
    assert failed.trial == "t1"
    assert f"reported nothing for {TIMEOUT_S:g} s" in failed.message


def test_members_at_the_gate_wait_for_a_straggler_only_so_long(fit, tmp_path):
    others_end = [tmp_path / name for name in ("t0-ends", "t2-ends")]

    def before_step(trial, step):
        if trial == "t1":
            while step == 2 and not all(it.exists() for it in others_end):
                pass
        elif step == UNTIL:
            (tmp_path / f"{trial}-ends").touch()

    straggling = population(straggler_timeout_s=TIMEOUT_S)
    results = fit(climbing(before_step), **settings(straggling))
    assert [it.metrics["training_iteration"] for it in results] == [UNTIL] * 3
    assert [it.absent for it in records(tmp_path, GateOpened)][:2] == [("t1",), ("t1",)]


def test_a_member_that_failed_for_good_is_replaced_by_a_copy_of_a_survivor(fit, tmp_path):
    def before_step(trial, step):
        if trial == "t1" and step == 3 and not (tmp_path / "failed").exists():
            (tmp_path / "failed").touch()
            raise ValueError("for good")

    results = fit(climbing(before_step), **settings(population(replace_failed=True)))
    assert results.num_errors == 0
    assert [it.metrics["training_iteration"] for it in results] == [UNTIL] * 3
    (failed,) = records(tmp_path, Failed)
    copies = [it for it in records(tmp_path, Exploited) if it.trial == failed.trial == "t1"]
    assert copies
    assert copies[-1].donor != "t1"
