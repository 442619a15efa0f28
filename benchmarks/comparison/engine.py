"""The production core over a problem, in one process and in virtual time.

What decides here is what decides in a run of ``Tuner.fit``: the schedulers that its names resolve
to, ``advance``, ``place``, ``plan``, leases and retention. What is left out is what can't change a
decision: processes, files and the journal. All members train at once and at the same speed; those
who report at the same time are heard in trial order, before anybody goes on. The run ends when
every member has trained its share, so that budgets are equal: a copy goes on from where its donor
stood, and would else be trained for longer.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.comparison.problems.base import Config, Job, Problem
from pbtune.core.decide import advance
from pbtune.core.decisions import Exploited, GateOpened, Restarted
from pbtune.core.events import Event, Opened, Report, Reported, Saved
from pbtune.core.experiment import Experiment
from pbtune.core.fold import fold
from pbtune.core.lease import Lease
from pbtune.core.objective import Objective
from pbtune.core.plan import Continue, Running, Start, place, plan
from pbtune.core.retention import Retention, release
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.settings import Settings
from pbtune.core.stopping import StopRules
from pbtune.driver.user_calls import SeededCalls
from pbtune.tune.schedule import Schedule, SchedulePiece

ATTR = "training_iteration"
MARK_COUNT = 20
"""The best score is looked at so many times in a run, for the area under its curve."""


@dataclass(frozen=True)
class Weights:
    """What a checkpoint holds: the problem's state, and the configs that it was trained under.

    ``origin`` is the step of the run at which it began from nothing.
    """

    state: Any
    step: int
    origin: int = 0
    pieces: tuple[SchedulePiece, ...] = ()

    def trained(self, state: Any, end: int, config: Config, trial: str) -> "Weights":
        """The same lineage, trained on."""
        start, end_here = self.step - self.origin, end - self.origin
        pieces = self.pieces
        if pieces and pieces[-1].config == config:
            start, pieces = pieces[-1].start_step, pieces[:-1]
        piece = SchedulePiece(start, end_here, config, trial)
        return Weights(state, end, self.origin, (*pieces, piece))


@dataclass(frozen=True)
class Outcome:
    """What a population reached.

    Args:
        score: The best member's at the end.
        test: The same member's on what nobody was selected by.
        area: The mean of the population's best score at 20 times, evenly over the run.
        schedule: The best member's.
        member_steps: Steps that were trained, of all members together.
        copies: Members that went on as copies.
        generations: How often the gate opened; 0 for asynchronous methods.
        decide_s: Seconds that the core took.
    """

    score: float
    test: float
    area: float
    schedule: Schedule
    member_steps: int
    copies: int
    generations: int
    decide_s: float


@dataclass
class Slot:
    """A member in training, or one that waits for a verdict."""

    trial: str
    attempt: int
    config: Config
    segment: int
    index: int
    weights: Weights
    end: int
    ends_at: int
    is_held: bool = False


class Population:
    """One run.

    Args:
        problem: What is trained, with the run's seed.
        scheduler: The core's.
        members: How many.
        space: The search space; the problem's if it is left out.
    """

    def __init__(
        self,
        problem: Problem,
        scheduler: AbstractScheduler,
        members: int | None = None,
        space: dict[str, object] | None = None,
    ) -> None:
        self.problem = problem
        self._members = members or problem.population
        self.settings = Settings(
            objective=Objective(problem.seed, SeededCalls(), "score", problem.mode),
            scheduler=scheduler,
            param_space=dict(problem.space if space is None else space),
            num_samples=self._members,
            stop=StopRules(((ATTR, float(problem.total)),)),
            retention=Retention(num_to_keep=1),
        )
        self.state = Experiment()
        self._slots: dict[int, Slot] = {}
        self._saved: dict[str, Weights] = {}
        self._last: dict[str, tuple[float, Weights]] = {}
        self._now = 0
        total = problem.total
        self._marks = sorted({-(-total * at // MARK_COUNT) for at in range(1, MARK_COUNT + 1)})
        self._seen: dict[int, list[float]] = {mark: [] for mark in self._marks}
        self._member_steps = self._copies = self._generations = 0
        self._decide_s = 0.0

    def run(self) -> Outcome:
        """Train the population to its end."""
        sign = -1.0 if self.problem.mode == "min" else 1.0
        self._turn([Opened(1)])
        while not self.state.is_finished and self._now < self.problem.total:
            self._train_next()
        ended = [it for it in self._last.values() if not math.isnan(it[0])]
        score, weights = max(ended, key=lambda it: sign * it[0])
        return Outcome(
            score=score,
            test=self.problem.test(weights.state),
            area=self._area(sign),
            schedule=Schedule(weights.pieces, run=self.problem.name),
            member_steps=self._member_steps,
            copies=self._copies,
            generations=self._generations,
            decide_s=self._decide_s,
        )

    def _area(self, sign: float) -> float:
        bests = [max((sign * it for it in seen), default=math.nan) for seen in self._seen.values()]
        return sign * sum(bests) / len(bests)

    def _train_next(self) -> None:
        """Train those who report next, all together, and hear them."""
        training = {at: slot for at, slot in self._slots.items() if not slot.is_held}
        self._now = min(slot.ends_at for slot in training.values())
        ready = [training[at] for at in sorted(training) if training[at].ends_at == self._now]
        began_at = min(self._now - slot.end + slot.weights.step for slot in ready)
        stops = [mark for mark in self._marks if began_at < mark < self._now]
        for stop in [*stops, self._now]:
            self._train(ready, stop)
        events: list[Event] = []
        for slot in ready:
            slot.is_held = True
            score = self.problem.score(slot.weights.state)
            self._last[slot.trial] = (score, slot.weights)
            events += self._told(slot, score)
        self._turn(events)

    def _train(self, slots: list[Slot], until: int) -> None:
        """Train members up to a time, and look at their scores if it is a mark."""
        problem, left = self.problem, self._now - until
        going = [slot for slot in slots if slot.weights.step < slot.end - left]
        jobs = [
            Job(
                slot.weights.state,
                slot.config,
                slot.weights.step,
                slot.end - left,
                (problem.stream, slot.index, slot.segment, slot.weights.step),
            )
            for slot in going
        ]
        for slot, job, state in zip(going, jobs, problem.train(jobs), strict=True):
            self._member_steps += job.end - job.start
            slot.weights = slot.weights.trained(state, job.end, slot.config, slot.trial)
            score = problem.score(state) if until in self._seen else math.nan
            if not math.isnan(score):
                self._seen[until].append(score)

    def _told(self, slot: Slot, score: float) -> list[Event]:
        step, trial, attempt = slot.end, slot.trial, slot.attempt
        checkpoint = f"{trial}/{attempt}/{step}"
        self._saved[checkpoint] = slot.weights
        saved = Saved(trial, attempt, checkpoint, step, float(step), float(step))
        report = Report(trial, attempt, step, float(step), {"score": score}, checkpoint)
        return [saved, Reported((report,))]

    def _turn(self, events: list[Event]) -> None:
        """What the driver does with a batch of messages."""
        start_s = time.perf_counter()
        state = self.state
        for event in events:
            state, records = advance(self.settings, state, event)
            self._copies += sum(isinstance(it, (Exploited, Restarted)) for it in records)
            self._generations += sum(isinstance(it, GateOpened) for it in records)
        for released in release(state):
            state = fold(state, released)
            for checkpoint in released.checkpoints:
                del self._saved[checkpoint]
        state, _ = place(state, self._members, [])
        self.state = state
        views = [
            Running(at, slot.trial, slot.attempt, slot.is_held)
            if (slot := self._slots.get(at)) is not None
            else Running(at)
            for at in range(self._members)
        ]
        commands = plan(self.settings, state, views)
        self._decide_s += time.perf_counter() - start_s
        for command in commands:
            if isinstance(command, Start):
                self._start(command)
            elif isinstance(command, Continue):
                slot = self._slots[command.slot]
                slot.is_held = False
                slot.end = _end(slot.weights.step, command.lease)
                slot.ends_at = self._now + slot.end - slot.weights.step
                self._cut(slot)
            else:
                del self._slots[command.slot]

    def _start(self, command: Start) -> None:
        index = self.state.trials[command.trial].index
        if command.checkpoint is None:
            weights = Weights(self.problem.begin(index), command.step, command.step)
        else:
            weights = self._saved[command.checkpoint]
        end = _end(weights.step, command.lease)
        ends_at = self._now + end - weights.step
        named = (command.trial, command.attempt, command.config, command.segment)
        slot = self._slots[command.slot] = Slot(*named, index, weights, end, ends_at)
        self._cut(slot)

    def _cut(self, slot: Slot) -> None:
        """Let a member report for the last time when the budget ends."""
        late = max(slot.ends_at - self.problem.total, 0)
        slot.end -= late
        slot.ends_at -= late


def _end(step: int, lease: Lease) -> int:
    """The next step whose report blocks; every report carries a checkpoint."""
    bounds = [rule.at_least for rule in lease.rules if rule.key == ATTR]
    return max(step + 1, math.ceil(min(bounds)))


def retrained(problem: Problem, schedule: Schedule) -> Outcome:
    """One member trained from nothing under a schedule, by the control for that.

    Args:
        problem: The same task with another stream.
        schedule: As it was exported.
    """
    from pbtune.tune.schedulers import FixedSchedule  # noqa: PLC0415  keeps the engine's imports few

    problem.total = schedule.end_step
    pieces = {float(it.start_step): it.config for it in schedule.pieces}
    interval = math.gcd(*(it.end_step for it in schedule.pieces))
    space: dict[str, object] = {key: schedule.at(1)[key] for key in schedule.pieces[0].config}
    scheduler = FixedSchedule(pieces, interval=interval).resolve(space)
    return Population(problem, scheduler, 1, space).run()
