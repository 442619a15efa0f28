"""A run with many reports, made by the production driver without workers; and its resume.

make: 100 members, PBT every 10 reports with a checkpoint there, interrupted after --reports
resume: Tuner.restore(...).fit() in a new process, until the function of the first trial begins
"""

import argparse
import json
import os
import shutil
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import pbtune
from pbtune import tune
from pbtune.checkpoints.store import Committed, LocalStore
from pbtune.core.plan import Command, Continue, Running, Start
from pbtune.driver.clock import SystemClock
from pbtune.driver.loop import Driver
from pbtune.driver.recover import Recovered
from pbtune.executors.base import AbstractExecutor, Turn
from pbtune.executors.messages import Asked, Message, Streamed
from pbtune.journal.glance import sizes
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal
from pbtune.tune.saved import save
from pbtune.tune.schedulers import PopulationBasedTraining

MEMBERS, INTERVAL = 100, 10
NAME = "long"
MARKS = "LONG_RUN_MARKS"
"""The variable that names the file for the moments at which functions began."""


def train(config: dict[str, float]) -> None:
    """Say when it began; one of the first will be the first of all."""
    del config
    with Path(os.environ[MARKS]).open("a") as file:
        file.write(f"{time.monotonic_ns()}\n")


def tuner_for(storage: Path) -> tune.Tuner:
    """The run, as a user would write it."""
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=INTERVAL,
        hyperparam_mutations={"rate": tune.uniform(0.0, 1.0)},
    )
    return tune.Tuner(
        train,
        param_space={"rate": tune.uniform(0.0, 1.0)},
        tune_config=tune.TuneConfig(
            scheduler=scheduler, metric="score", mode="max", num_samples=MEMBERS, seed=1
        ),
        run_config=tune.RunConfig(
            name=NAME,
            storage_path=storage,
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=2),
        ),
    )


class ScriptedExecutor(AbstractExecutor):
    """Members that report at once: each wait brings one interval of each of them.

    Args:
        template: What every checkpoint is a copy of.
        report_count_max: After so many the driver dies.
    """

    def __init__(self, template: Committed, report_count_max: int) -> None:
        self.report_count = 0
        self._report_count_max = report_count_max
        self._template = template
        self._slots: list[Start | None] = [None] * MEMBERS
        self._steps = [0] * MEMBERS
        self._numbers = [0] * MEMBERS
        self._messages: deque[Message] = deque()

    def open(self, turn: Turn) -> None:
        """Nothing to prepare."""

    @property
    def slot_count(self) -> int:
        """One for each member."""
        return MEMBERS

    def running(self) -> list[Running]:
        """All wait for their verdicts."""
        return [
            Running(slot) if it is None else Running(slot, it.trial, it.attempt, is_held=True)
            for slot, it in enumerate(self._slots)
        ]

    def do(self, command: Command) -> None:
        """Begin where the order says."""
        if isinstance(command, Start):
            self._slots[command.slot] = command
            self._steps[command.slot] = command.step
            self._numbers[command.slot] = command.checkpoint_number
        if isinstance(command, Start | Continue):
            self._train(command.slot)
        else:
            self._slots[command.slot] = None

    def _train(self, slot: int) -> None:
        order = self._slots[slot]
        if order is None:
            return
        for _ in range(INTERVAL):
            self._steps[slot] += 1
            step = self._steps[slot]
            score = step * float(str(order.config["rate"]))
            body = json.dumps({"score": score, "rate": order.config["rate"]}).encode()
            head = (order.trial, order.attempt, step, step * 0.1, time.time(), body)
            if step % INTERVAL:
                self._messages.append(Streamed(*head))
                continue
            number = self._numbers[slot]
            self._numbers[slot] += 1
            name = f"{order.trial}/checkpoint_{number:06d}"
            it = self._template
            committed = Committed(name, number, it.bytes, it.file_count, it.digest)
            observed = {"score": score, "training_iteration": step, "time_total_s": step * 0.1}
            self._messages.append(Asked(*head, observed, committed))

    def wait(self, timeout_s: float) -> list[Message]:
        """All that has been said."""
        del timeout_s
        if self.report_count >= self._report_count_max:
            raise KeyboardInterrupt
        messages = list(self._messages)
        self._messages.clear()
        self.report_count += len(messages)
        return messages

    def close(self, grace_s: float) -> list[Message]:
        """Nobody is told anything: the driver is as good as dead."""
        del grace_s
        return []


def make(storage: Path, out: Path, report_count: int) -> None:
    """Write the run's folder: journal, what a resume needs, and the checkpoints that it names."""
    execution = tuner_for(storage)._execution()  # noqa: SLF001  no public door
    run_dir = storage / NAME
    run_dir.mkdir(mode=0o700)
    source = storage / "source"
    source.mkdir()
    (source / "state.json").write_text(json.dumps({"step": 0, "weights": [0.0] * 20}))
    store = LocalStore(run_dir)
    template = store.commit_directory("t0", source, 0)
    save(run_dir, execution.saved)
    journal = SqliteJournal.create(run_dir / "run.db", execution.header(run_dir))
    executor = ScriptedExecutor(template, report_count)
    settings = execution.settings()
    driver = Driver(settings, journal, executor, store, SystemClock(), Recovered())
    with suppress(KeyboardInterrupt):
        driver.run()
    journal.close()
    for name in driver.state.references:
        if not (run_dir / name).exists():
            (run_dir / name).parent.mkdir(mode=0o700, exist_ok=True)
            shutil.copytree(source, run_dir / name)
    database = run_dir / "run.db"
    with JournalReader(run_dir) as reader:
        record_count = sizes(reader).record
    made = {
        "reports": executor.report_count,
        "records": record_count,
        "megabytes": database.stat().st_size / 1e6,
    }
    out.write_text(json.dumps(made))


def resume(storage: Path, out: Path) -> None:
    """Time the restore; the function returns at once, so that the run soon ends."""
    marks = out.with_name("marks")
    os.environ[MARKS] = str(marks)
    pbtune.init(num_cpus=2)
    start_ns = time.monotonic_ns()
    results = tune.Tuner.restore(storage / NAME).fit()
    if results.errors:
        raise results.errors[0]
    began_ns = min(int(line) for line in marks.read_text().split())
    out.write_text(json.dumps({"resume_s": (began_ns - start_ns) / 1e9}))


def main() -> None:
    """Make a long run, or resume it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reports", type=int, help="make a run of so many; else resume it")
    told = parser.parse_args()
    storage = told.out.parent
    if told.reports:
        make(storage, told.out, told.reports)
        return
    resume(storage, told.out)


if __name__ == "__main__":
    main()
