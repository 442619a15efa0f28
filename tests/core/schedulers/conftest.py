"""A population that trains a toy, without processes and files: what every method is tried on."""

import math
from collections.abc import Callable

import pytest

from pbtune.core.decide import advance
from pbtune.core.decisions import Ranked
from pbtune.core.events import Opened, Report, Reported, Saved
from pbtune.core.exact import decode_record, encode_record
from pbtune.core.experiment import Experiment, Record
from pbtune.core.fold import fold
from pbtune.core.objective import Objective
from pbtune.core.plan import place
from pbtune.core.retention import Retention, release
from pbtune.core.settings import Settings
from pbtune.core.space import UserCalls
from pbtune.core.stopping import StopRules
from pbtune.core.verify import RecordedCalls, verify

Train = Callable[[float, dict, int], tuple[float, float | dict]]


class Direct(UserCalls):
    def call(self, function, args, address):
        return function(*args)


class Toy:
    """Trains ``members`` members for ``steps`` reports each, with a checkpoint at every one.

    ``train(weights, config, step)`` gives the new weights and a score, or several metrics.
    """

    def __init__(self, scheduler, train: Train, space: dict, **wishes) -> None:
        self.train = train
        self.start = wishes.get("start", 0.0)
        self.slot_count = wishes.get("slots", wishes.get("members", 8))
        self.settings = Settings(
            objective=Objective(
                wishes.get("seed", 0), Direct(), "score", wishes.get("mode", "max")
            ),
            scheduler=scheduler,
            param_space=space,
            num_samples=wishes.get("members", 8),
            stop=StopRules((("training_iteration", float(wishes.get("steps", 40))),)),
            retention=Retention(num_to_keep=1),
        )
        self.state = Experiment()
        self.records: list[Record] = []
        self.weights: dict[str, float] = {}
        self.live: dict[str, tuple[int, float]] = {}
        self.scores: dict[str, float] = {}
        self.step_count = 0
        self.turn([Opened(1)], [])

    def turn(self, events, held) -> None:
        state = self.state
        for event in events:
            state, new = advance(self.settings, state, event)
            self.records += new
        for released in release(state):
            state = fold(state, released)
            self.records.append(released)
            for checkpoint in released.checkpoints:
                del self.weights[checkpoint]
        held = [name for name in held if state.trials[name].slot is not None]
        state, placed = place(state, self.slot_count, held)
        self.records += placed
        state.validate()
        self.state = state

    def once(self) -> None:
        """Every member in a slot that isn't at the gate makes a step and reports."""
        events, held = [], []
        for name in sorted(self.state.slots.values()):
            trial = self.state.trials[name]
            held.append(name)
            if trial.is_gated:
                continue
            attempt, weights = self.live.get(name, (0, self.start))
            if attempt != trial.attempt:
                point = trial.restore
                weights = self.start if point is None else self.weights[point.checkpoint]
            step = trial.step + 1
            weights, result = self.train(weights, trial.config, step)
            self.step_count += 1
            self.live[name] = (trial.attempt, weights)
            metrics = result if isinstance(result, dict) else {"score": result}
            self.scores[name] = metrics["score"]
            checkpoint = f"{name}/{trial.attempt}/{step}"
            self.weights[checkpoint] = weights
            saved = Saved(name, trial.attempt, checkpoint, step, float(step), float(step))
            report = Report(name, trial.attempt, step, float(step), metrics, checkpoint)
            events += [saved, Reported((report,))]
        self.turn(events, held)

    def run(self) -> "Toy":
        rounds = 0
        while not self.state.is_finished:
            self.once()
            rounds += 1
            assert rounds < 100_000
        return self

    @property
    def best(self) -> float:
        return max(score for score in self.scores.values() if not math.isnan(score))

    def of(self, kind) -> list:
        return [record for record in self.records if isinstance(record, kind)]

    def check(self) -> "Toy":
        """What must hold for every method: the journal gives the state and the same decisions."""
        stored = [decode_record(encode_record(record)) for record in self.records]
        state = Experiment()
        for record in stored:
            state = fold(state, record)
            state.validate()
        assert repr(state) == repr(self.state)
        calls = RecordedCalls()
        seen = self.settings.objective
        objective = Objective(seen.seed, calls, seen.metric, seen.mode)
        settings = Settings(
            objective=objective,
            scheduler=self.settings.scheduler,
            param_space=self.settings.param_space,
            num_samples=self.settings.num_samples,
            stop=self.settings.stop,
            retention=self.settings.retention,
        )
        _, count, difference = verify(settings, list(enumerate(stored)), calls, lambda _: settings)
        assert difference is None, difference
        assert count > 0
        self.check_leases()
        return self

    def check_leases(self) -> None:
        """Whoever was ranked had to be blocked: the lease said that this report matters."""
        state, scheduler = Experiment(), self.settings.scheduler
        for record in self.records:
            if isinstance(record, Ranked):
                values = {"training_iteration": record.step, "time_total_s": record.time_total_s}
                rules = scheduler.rules(state.trials[record.trial])
                assert any(
                    values.get(rule.key, record.progress) >= rule.at_least
                    and not (rule.needs_checkpoint and record.checkpoint is None)
                    for rule in rules
                )
            state = fold(state, record)


@pytest.fixture(scope="session")
def toy():
    """Runs a toy to its end: ``toy(scheduler, train, space, members=8, steps=40, seed=0)``."""

    def run(scheduler, train, space, **wishes) -> Toy:
        return Toy(scheduler, train, space, **wishes).run()

    return run


@pytest.fixture(scope="session")
def hill():
    """Weights rise by how near ``x`` is to a goal: greed is right."""

    def train(weights, config, step):
        gain = 1.0 - (config["x"] - 0.7) ** 2
        weights += gain
        return weights, weights

    return train
