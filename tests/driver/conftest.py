"""A driver with nothing real around it: scripted workers, a clock that stands still."""

import json
from collections import deque

import pytest

from pbtune.checkpoints.store import Committed, LocalStore
from pbtune.core.objective import Objective
from pbtune.core.plan import Continue, Running, Start
from pbtune.core.retention import Retention
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.settings import Settings
from pbtune.core.space import uniform
from pbtune.core.stopping import StopRules
from pbtune.driver.clock import AbstractClock
from pbtune.driver.loop import Driver
from pbtune.driver.recover import Recovered
from pbtune.driver.user_calls import SeededCalls
from pbtune.executors.base import AbstractExecutor
from pbtune.executors.messages import Asked, Streamed
from pbtune.journal.base import AbstractJournal
from pbtune.journal.memory import MemoryJournal


class VirtualClock(AbstractClock):
    """Stands still until it is told to jump."""

    def __init__(self):
        self.at_s = 1000.0

    def now_s(self):
        return self.at_s

    def wall_s(self):
        return self.at_s

    def sleep(self, seconds):
        self.jump(seconds)

    def jump(self, seconds):
        self.at_s += seconds


class SpyJournal(AbstractJournal):
    """A journal in memory; ``on_append`` is called before each commit, and may raise."""

    def __init__(self):
        self.memory = MemoryJournal()
        self.on_append = lambda records, rows: None
        self.idle_count = 0

    def append(self, records, rows, at):
        self.on_append(records, rows)
        return self.memory.append(records, rows, at)

    def entries(self, after=0):
        return self.memory.entries(after)

    def keep(self, folded):
        self.memory.keep(folded)

    def kept(self):
        return self.memory.kept()

    def idle(self):
        self.idle_count += 1

    def close(self):
        self.memory.close()

    @property
    def records(self):
        return [entry.record for entry in self.entries()]

    def kinds(self):
        return [type(record).__name__ for record in self.records]

    def of(self, kind):
        return [record for record in self.records if isinstance(record, kind)]

    def steps(self):
        """The (trial, attempt, step) of each stored report."""
        return [(row.trial, row.attempt, row.step) for row, _ in self.memory.rows]


class ScriptedExecutor(AbstractExecutor):
    """Obeys at once, and brings what its script says: each line is called once, for messages."""

    def __init__(self, slots, script):
        self.views = [Running(slot) for slot in range(slots)]
        self.script = deque(script)
        self.commands = []
        self.on_command = lambda command: None
        self.late = []
        self.closed_count = 0

    def open(self, turn):
        self.turn = turn

    @property
    def slot_count(self):
        return len(self.views)

    def running(self):
        return list(self.views)

    def do(self, command):
        self.on_command(command)
        self.commands.append(command)
        trial = command.trial if isinstance(command, (Start, Continue)) else None
        self.views[command.slot] = Running(command.slot, trial, command.attempt if trial else 0)

    def wait(self, timeout_s):
        assert self.script, "the script is over, and the run is not"
        messages = self.script.popleft()()
        for message in messages:
            self.hear(message)
        return messages

    def hear(self, message):
        """A worker that has asked is held; one that has ended leaves its slot."""
        for slot, view in enumerate(self.views):
            if (view.trial, view.attempt) != (message.trial, message.attempt):
                continue
            if isinstance(message, Asked):
                self.views[slot] = Running(slot, view.trial, view.attempt, is_held=True)
            elif not isinstance(message, Streamed):
                self.views[slot] = Running(slot)

    def close(self, grace_s):
        self.closed_count += 1
        return self.late


class House:
    """A driver and all that it connects."""

    def __init__(self, tmp_path, settings, slots, script):
        self.run_dir = tmp_path
        self.journal = SpyJournal()
        self.executor = ScriptedExecutor(slots, script)
        self.clock = VirtualClock()
        self.store = LocalStore(tmp_path)
        parts = (settings, self.journal, self.executor, self.store, self.clock)
        self.driver = Driver(*parts, Recovered())

    @property
    def state(self):
        return self.driver.state

    def attempt(self, trial):
        return self.state.trials[trial].attempt

    def say(self, message):
        """What one message leads to, without the loop around it."""
        self.executor.hear(message)
        self.driver.turn([message])

    def asks(self, trial, step, *, saves=False, attempt=None, notices=(), **observed):
        """A report that blocks; with ``saves`` its checkpoint is really there."""
        attempt = self.attempt(trial) if attempt is None else attempt
        values = {"score": float(step), **observed}
        body = json.dumps(values).encode()
        saved = self.save(trial) if saves else None
        return Asked(trial, attempt, step, float(step), 1.0, body, values, saved, notices)

    def streams(self, trial, step, *, saves=False, attempt=None):
        attempt = self.attempt(trial) if attempt is None else attempt
        observed, saved = ({"score": 0.0}, self.save(trial)) if saves else (None, None)
        return Streamed(trial, attempt, step, float(step), 1.0, b"{}", observed, saved)

    def save(self, trial) -> Committed:
        folder = self.store.stage(trial)
        (folder / "state").write_text("weights")
        return self.store.commit_staged(trial, folder, self.state.trials[trial].next_number)

    def saved(self):
        """The checkpoints whose files are there."""
        return sorted(str(it.relative_to(self.run_dir)) for it in self.run_dir.glob("t*/check*"))


@pytest.fixture
def house(tmp_path):
    """Makes a driver of ``members``: of PBT every ``interval`` reports, or of none."""

    def make(
        script=(), *, members=2, slots=2, interval=2, keep=None, stop=(), every=False, **settings
    ):
        scheduler = FIFO()
        if interval is not None:
            scheduler = PBT(
                mutations={"lr": uniform(0.0, 1.0)},
                perturbation_interval=float(interval),
                quantile_fraction=0.5,
                attr="training_iteration",
            )
        made = House(
            tmp_path,
            Settings(
                objective=Objective(7, SeededCalls(), "score", "max"),
                scheduler=scheduler,
                param_space={"lr": uniform(0.0, 1.0)},
                num_samples=members,
                stop=StopRules(stop, every),
                retention=Retention(keep),
                **settings,
            ),
            slots,
            [],
        )
        made.executor.script.extend(script)
        return made

    return make
