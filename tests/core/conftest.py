"""What the tests of the core share. No fixture holds state, so that hypothesis may use them too."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from pbtune.core.decide import advance
from pbtune.core.decisions import Created, Exploited, Released
from pbtune.core.events import Event, Failed, Noticed, Opened, Report, Reported, Returned, Saved
from pbtune.core.exact import decode_record, encode_record
from pbtune.core.experiment import Experiment, Record
from pbtune.core.explore import ExploreSettings
from pbtune.core.fold import fold
from pbtune.core.objective import Objective
from pbtune.core.plan import Continue, Running, Start, place, plan
from pbtune.core.retention import Retention, release
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.settings import Settings
from pbtune.core.space import UserCalls, uniform
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Trial

# The same examples in each run: a test that fails now and then tells nobody what to do.
# A machine that is busy makes them slow, and that is no fault of theirs.
hypothesis_settings.register_profile(
    "core", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("core")


class DirectCalls(UserCalls):
    """Calls at once, and seeds nothing."""

    def call(
        self, function: Callable[..., object], args: tuple[object, ...], address: str
    ) -> object:
        return function(*args)


@pytest.fixture(scope="session")
def calls():
    return DirectCalls()


@pytest.fixture(scope="session")
def objective(calls):
    return Objective(seed=7, user_calls=calls, metric="score", mode="max")


@pytest.fixture(scope="session")
def folded():
    """Folds records from an empty run on, and checks each state on the way."""

    def fold_all(*records: Record, state: Experiment | None = None) -> Experiment:
        state = Experiment() if state is None else state
        for record in records:
            state = fold(state, record)
            state.validate()
        return state

    return fold_all


@pytest.fixture(scope="session")
def population(folded):
    """A run of so many members t0, t1, …, each with lr = its index."""

    def create(size: int) -> Experiment:
        return folded(*(Created(f"t{at}", at, {"lr": float(at)}) for at in range(size)))

    return create


@pytest.fixture(scope="session")
def report():
    """A report of attempt 1 after so many steps; keywords are observed values."""

    def make(trial: str, step: int, checkpoint: str | None = None, **observed: object) -> Report:
        return Report(trial, 1, step, float(step), observed, checkpoint)

    return make


def random_settings(rng: random.Random) -> Settings:
    """Any settings that a user could choose."""
    pbt = PBT(
        mutations={"lr": uniform(0.0, 1.0), "layers": [1, 2, 4]},
        perturbation_interval=rng.choice([1.0, 2.0, 3.0]),
        burn_in_period=rng.choice([0.0, 0.0, 3.0]),
        quantile_fraction=rng.choice([0.0, 0.25, 0.25, 0.5]),
        exploration=ExploreSettings(rng.choice([0.0, 0.25, 1.0])),
        require_attrs=False,
        attr=rng.choice(["training_iteration", "epoch"]),
    )
    return Settings(
        objective=Objective(rng.randrange(99), DirectCalls(), "score", rng.choice(["min", "max"])),
        scheduler=rng.choice([pbt, pbt, pbt, FIFO()]),
        param_space={"lr": uniform(0.0, 1.0), "net": rng.choice([1, (1, 2), {"$a": math.inf}])},
        num_samples=rng.choice([1, 2, 4, 7]),
        stop=StopRules((("training_iteration", 40.0),)),
        retention=Retention(
            rng.choice([None, 1, 2]), rng.choice([None, "score"]), rng.choice(["min", "max"])
        ),
        max_failures=rng.choice([-1, -1, 0, 2]),
        fail_fast=rng.random() < 0.1,
    )


class RandomRun:
    """A population whose members report, save, fail and end by chance.

    It does what a driver does, without processes and files, and checks after each record what must
    hold in every run.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.settings = random_settings(self.rng)
        self.slot_count = self.rng.randint(1, self.settings.num_samples + 1)
        self.state = Experiment()
        self.records: list[Record] = []
        self.released: set[str] = set()
        self.views: list[Running] = []
        self.open()

    def open(self) -> None:
        """A driver takes up the run, and finds nothing running."""
        self.views = [Running(slot) for slot in range(self.slot_count)]
        self.turn([Opened(self.state.session + 1)])

    def turn(self, events: list[Event]) -> None:
        """One commit: events, what follows from them, what may go, and who runs."""
        before, state, records = self.state, self.state, list[Record]()
        for event in events:
            state, new = advance(self.settings, state, event)
            records += new
        for released in release(state):
            state = fold(state, released)
            records.append(released)
        members = [state.trials[view.trial] for view in self.views if view.is_held and view.trial]
        held = [trial.id for trial in members if trial.slot is not None]
        self.state, placed = place(state, self.slot_count, held)
        self.records += [*records, *placed]
        self.check_records(before, [*records, *placed])
        self.check_liveness()
        self.obey()

    def check_records(self, state: Experiment, records: list[Record]) -> None:
        """Folding what was stored gives the same state; each state on the way is sound."""
        for record in records:
            if isinstance(record, Exploited):
                self.check_exploit(state, record)
            if isinstance(record, Released):
                self.released |= set(record.checkpoints)
            state = fold(state, decode_record(encode_record(record)))
            state.validate()
            needed = {name for trial in state.trials.values() for name in holds(trial)}
            assert not needed & self.released
        # NaN isn't equal to itself, but looks alike.
        assert repr(state) == repr(self.state)

    def check_exploit(self, state: Experiment, record: Exploited) -> None:
        """Score, weights and progress are those of one ranked report of a live donor."""
        donor = state.trials[record.donor]
        assert donor.is_live
        assert donor.rank is not None
        assert (donor.rank.checkpoint, donor.rank.score) == (record.checkpoint, record.score)
        assert (donor.rank.step, donor.rank.progress) == (record.step, record.progress)
        assert record.trial != record.donor
        assert not math.isnan(record.score)

    def check_liveness(self) -> None:
        """No slot is free while somebody waits."""
        if not self.state.is_finished:
            assert len(self.state.slots) == min(self.slot_count, self.state.live_count)

    def obey(self) -> None:
        """Carry out the commands; then there is nothing more to do."""
        for command in plan(self.settings, self.state, self.views):
            view = Running(command.slot)
            if isinstance(command, (Start, Continue)):
                view = Running(command.slot, command.trial, command.attempt)
                assert self.state.trials[command.trial].slot == command.slot
            if isinstance(command, Start):
                assert command.checkpoint not in self.released
            self.views[command.slot] = view
        assert plan(self.settings, self.state, self.views) == []

    def running(self) -> list[Trial]:
        return [self.state.trials[view.trial] for view in self.views if view.trial is not None]

    def hold(self, trial: Trial) -> None:
        slot = [view.trial for view in self.views].index(trial.id)
        self.views[slot] = Running(slot, trial.id, trial.attempt, is_held=True)

    def report(self, trial: Trial, *, score: float, saves: bool, **observed: object) -> list[Event]:
        """A report of a member that then waits for its verdict, and before it the checkpoint."""
        self.hold(trial)
        step = trial.step + 1
        values = {"epoch": step / 2, "score": score, **observed}
        name = f"{trial.id}/{trial.attempt}/{step}" if saves else None
        report = Report(trial.id, trial.attempt, step, float(step), values, name)
        events: list[Event] = [Reported((report,))]
        if name is not None:
            progress = report.number(self.settings.scheduler.time_attr)
            saved = Saved(trial.id, trial.attempt, name, step, progress, float(step), score)
            events.insert(0, saved)
        return events

    def anything(self) -> None:
        """One turn in which members do what they like."""
        rng, events, reports = self.rng, list[Event](), list[Report]()
        if rng.random() < 0.03:
            self.open()
            return
        for trial in rng.sample(self.running(), rng.randint(0, len(self.running()))):
            chance = rng.random()
            if chance < 0.03:
                events.append(Failed(trial.id, trial.attempt, "ValueError", "\ud800"))
            elif chance < 0.035:
                events.append(Returned(trial.id, trial.attempt))
            elif chance < 0.05:
                events.append(Noticed(trial.id, "code", "text"))
            else:
                score = rng.choice([rng.random(), 0.5, math.nan, math.inf, -math.inf])
                epoch = math.nan if rng.random() < 0.1 else trial.step / 2
                wishes = {"saves": rng.random() < 0.6, "epoch": epoch, "done": rng.random() < 0.005}
                *saved, reported = self.report(trial, score=score, **wishes)
                events += saved
                reports += reported.reports
        # A block of reports, as of a vectorised population.
        self.turn([*events, Reported(tuple(reports))] if reports else events)

    def train(self) -> None:
        """One turn in which everybody who runs makes progress and saves."""
        events = [
            self.report(trial, score=float(trial.step), saves=True) for trial in self.running()
        ]
        self.turn([event for both in events for event in both])


def holds(trial: Trial) -> set[str | None]:
    """What law 5 keeps for a trial, said once more and without its own ``pins``."""
    held = {keep.checkpoint for keep in trial.kept}
    held.add(trial.restore and trial.restore.checkpoint)
    if trial.is_live:
        held |= {trial.own, trial.rank and trial.rank.checkpoint}
    return held - {None}


@pytest.fixture(scope="session")
def random_run():
    return RandomRun
