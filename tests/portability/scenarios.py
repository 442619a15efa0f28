"""What pbtune does on what windows.py made: python scenarios.py NAME EXECUTOR FOLDER prints it."""

import contextlib
import importlib
import json
import pathlib
import pkgutil
import subprocess
import sys
import warnings
from os import getpid as os_getpid

# What chooses by the system when it is imported chooses as on Linux: it isn't what is tested.
BEFORE = (
    *("click.testing", "cloudpickle", "fsspec.implementations.local", "rich.console", "rich.live"),
    *("http.client", "matplotlib.pyplot", "numpy", "optuna", "pandas", "starlette", "uvicorn"),
)
for name in BEFORE:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
windows = pathlib.Path(__file__).with_name("windows.py")
exec(compile(windows.read_text(), windows, "exec"), {"__file__": str(windows)})

from click.testing import CliRunner  # noqa: E402

import pbtune  # noqa: E402
from pbtune import tune  # noqa: E402
from pbtune.cli import main as cli  # noqa: E402
from pbtune.errors import RunLocked  # noqa: E402
from pbtune.executors.processes.executor import Conduct, ProcessExecutor  # noqa: E402
from pbtune.executors.processes.starting import launch  # noqa: E402
from pbtune.journal.lock import LOCK_NAME, RunLock, holder  # noqa: E402
from pbtune.testing.contracts.executors import ExecutorContract, Harness, start  # noqa: E402
from pbtune.tune.pickling import pickled  # noqa: E402
from pbtune.worker.process import Job  # noqa: E402
from pbtune.worker.protocol import Died, WorkerSettings  # noqa: E402

OPTIONAL = {"matplotlib", "optuna", "pandas", "ray", "starlette", "torch", "uvicorn"}


def import_everything():
    for module in pkgutil.walk_packages(pbtune.__path__, "pbtune."):
        # The first would run; Ray's executor is refused on Windows, before it is imported.
        if module.name.startswith(
            ("pbtune.__main__", "pbtune.executors.ray", "pbtune.tune.on_ray")
        ):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            if (error.name or "").partition(".")[0] not in OPTIONAL:
                raise


def train(config):
    import os
    import tempfile

    w = 0.0
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder, open(os.path.join(folder, "w")) as file:
            w = float(file.read())
    while True:
        w += config["lr"]
        print("w is", w)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "w"), "w") as file:
                file.write(f"{w}\r\n")
            tune.report({"score": w}, checkpoint=tune.Checkpoint.from_directory(folder))


def fit(executor, storage):
    pbtune.init(executor=executor, num_cpus=2)
    return tune.Tuner(
        train,
        param_space={"lr": tune.uniform(0.1, 1.0)},
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            num_samples=4,
            seed=1,
            scheduler=tune.schedulers.PopulationBasedTraining(
                time_attr="training_iteration",
                perturbation_interval=2,
                hyperparam_mutations={"lr": tune.uniform(0.1, 1.0)},
            ),
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=storage,
            stop={"training_iteration": 8},
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
        ),
    ).fit()


def population(executor, storage):
    """One run, and what came of it."""
    results = fit(executor, storage)
    return {
        "errors": results.num_errors,
        "iterations": [it.metrics["training_iteration"] for it in results],
        "best": results.get_best_result().metrics["score"],
    }


def resumed(executor, storage):
    """A run that goes on further than it was told to at first, and the end of its folder."""
    first = population(executor, storage)
    path = pathlib.Path(storage, "run")
    results = tune.Tuner.restore(str(path), train, stop={"training_iteration": 12}).fit()
    second = {"iterations": [it.metrics["training_iteration"] for it in results]}
    gone = CliRunner().invoke(cli, ["clean", "--whole", "--yes", str(path)])
    assert gone.exit_code == 0, gone.output
    return first, second


def contract(_executor, storage):
    """What every executor promises, asked of processes that are started one by one."""
    passed = []
    for name, promise in vars(ExecutorContract).items():
        if not name.startswith("test_"):
            continue
        folder = pathlib.Path(storage, name)
        folder.mkdir(parents=True)
        with contextlib.ExitStack() as undo:
            arguments = [folder] if "tmp_path" in promise.__code__.co_varnames else []
            promise(ExecutorContract(), maker(folder, undo), *arguments)
        passed.append(name)
    return passed


def maker(folder, undo):
    def make(function, **conduct):
        function.__module__ = "__main__"
        payload = pickled(Job(WorkerSettings(str(folder), "run", ("x",)), function, {}))

        def launching():
            launcher = launch((), threads=1)
            launcher.load(payload)
            return launcher

        executor = ProcessExecutor(1, launching, Conduct(**conduct))
        undo.callback(executor.close, 0.0)
        return executor

    return make


def ends(_executor, storage):
    """How processes end: by themselves behind what they streamed, and when they say nothing."""
    import os

    def train(config):
        for at in range(3):
            tune.report({"at": at})
        if config["hangs"]:
            while True:
                pass
        os._exit(3)

    told = []
    with contextlib.ExitStack() as undo:
        make = maker(pathlib.Path(storage), undo)
        for hangs in (False, True):
            harness = Harness(make(train, silence_s_max=1.5 if hangs else None))
            harness.executor.do(start(1, config={"hangs": hangs}))
            told.append([harness.until(Died).message, harness.kinds()])
    return told


def lock(_executor, storage):
    """One driver at a time, and who it is, or was."""
    run_dir = pathlib.Path(storage)
    here = RunLock(run_dir)
    told = []
    with here:
        told.append([holder(run_dir).pid == os_getpid(), holder(run_dir).is_killed])
        command = [sys.executable, __file__, "take", "", storage]
        told.append(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    (run_dir / LOCK_NAME).write_text(f"{1 << 22} ")
    told.append(holder(run_dir).is_killed)
    return told


def take(_executor, storage):
    """Whether another process has the lock."""
    try:
        with RunLock(pathlib.Path(storage)):
            return "free"
    except RunLocked:
        return "held"


if __name__ == "__main__":
    warnings.simplefilter("error")
    scenario, executor, storage = sys.argv[1:]
    if scenario == "population":
        import_everything()
    print(json.dumps(globals()[scenario](executor, storage)))
