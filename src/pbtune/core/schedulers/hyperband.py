"""HyperBand (Li et al. 2018, JMLR 18(185), arXiv:1603.06560), with Ray Tune's brackets.

Trials are dealt to brackets in order. In bracket s of a band, of n trials that have trained for r
the best n/eta go on to r * eta, s times; who waits at a milestone is paused if others want the
slot. A milestone decides when all live trials of its bracket that have yet to pass it stand there,
whatever became of the others.

Departures from the paper: brackets are filled from the one that stops nobody (s = 0) upwards, as
in Tune, and the last may stay half empty; its milestones then keep as many as a full one's would.
Departures from Ray Tune 2.60: a trial at its last milestone ends at once and doesn't wait for the
rest; a trial that fails, ends or comes back can't hold up its bracket; NaN ranks last.
"""

import functools
import math
from collections.abc import Sequence
from typing import Final, final

import msgspec

from pbtune.core.decisions import Completed, Decision, Measured, Promoted
from pbtune.core.events import Event, Report, Reported
from pbtune.core.experiment import Experiment
from pbtune.core.lease import Rule
from pbtune.core.milestones import scores_at
from pbtune.core.objective import Objective
from pbtune.core.ranking import Entry
from pbtune.core.schedulers.early_stopping import AbstractEarlyStopping
from pbtune.core.trial import Trial

ROUNDING: Final = 1e-9


class Bracket(msgspec.Struct, frozen=True):
    """One bracket: ``size`` trials from index ``first`` on.

    ``milestones`` ascend; the best ``kept[k]`` trials pass number k.
    """

    number: int
    first: int
    size: int
    milestones: tuple[float, ...]
    kept: tuple[int, ...]


@final
class HyperBand(AbstractEarlyStopping, frozen=True, kw_only=True):
    """Successive halving in brackets that trade trials for training.

    Args:
        max_t: Units of ``attr`` that the best trials get, >= 1.
        reduction_factor: Eta, > 1.
        stop_last_trials: Whether trials end at their bracket's last milestone.
    """

    max_t: float = 81.0
    reduction_factor: float = 3.0
    stop_last_trials: bool = True

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    @property
    def is_synchronous(self) -> bool:
        """Trials wait at milestones."""
        return True

    @property
    def wants_checkpoints(self) -> bool:
        """Who waits may be paused."""
        return True

    def band(self) -> tuple[Bracket, ...]:
        """The brackets of one band, in the order in which they are filled."""
        return _band(self.max_t, self.reduction_factor)

    def bracket(self, number: int) -> Bracket:
        """The bracket of a number; they are counted through all bands."""
        band = self.band()
        round_, at = divmod(number, len(band))
        found = band[at]
        length = band[-1].first + band[-1].size
        return msgspec.structs.replace(found, number=number, first=found.first + round_ * length)

    def bracket_of(self, trial: str, index: int, objective: Objective) -> int:
        """The one that is being filled."""
        del trial, objective
        band = self.band()
        round_, place = divmod(index, band[-1].first + band[-1].size)
        return round_ * len(band) + max(it.number for it in band if it.first <= place)

    def _next(self, trial: Trial) -> tuple[float | None, bool]:
        """The next milestone of a trial, and whether it is the last."""
        milestones = self.bracket(trial.bracket).milestones
        coming = [it for it in milestones if it > trial.milestone]
        if not coming or (len(coming) == 1 and not self.stop_last_trials):
            return None, True
        return coming[0], len(coming) == 1

    def rules(self, trial: Trial) -> tuple[Rule, ...]:
        """The next milestone, where a checkpoint matters: who waits there may be paused."""
        milestone, is_last = self._next(trial)
        if milestone is None:
            return ()
        return (
            Rule(self.attr, milestone, needs_checkpoint=True),
            Rule(self.attr, milestone, is_stop=is_last),
        )

    def may_yield(self, experiment: Experiment, trial: Trial) -> bool:
        """Only at a milestone, which the engine looks after."""
        del experiment, trial
        return False

    def on_report(
        self, experiment: Experiment, report: Report, objective: Objective
    ) -> list[Decision]:
        """Measure a trial at its next milestone, where it waits; end it at its last one."""
        trial = experiment.trials[report.trial]
        milestone, is_last = self._next(trial)
        progress = report.number(self.attr)
        if milestone is None or not progress >= milestone:
            return []
        measured = Measured(
            trial=trial.id,
            bracket=trial.bracket,
            milestone=milestone,
            step=report.step,
            progress=progress,
            score=objective.score(report),
            waits=not is_last,
        )
        if not is_last:
            return [measured]
        return [measured, Completed(trial.id, f"trained for {milestone:g} {self.attr}")]

    def at_gate(
        self, experiment: Experiment, objective: Objective, *, event: Event
    ) -> list[Decision]:
        """Decide the milestones at which the last one has arrived, or has been given up."""
        del objective
        if experiment.gated_count == 0:
            return []
        decisions: list[Decision] = []
        for number in _touched(experiment, event):
            decisions += self._decided(experiment, self.bracket(number))
        return decisions

    def _decided(self, experiment: Experiment, bracket: Bracket) -> list[Decision]:
        members = [
            experiment.trials[name]
            for name in (f"t{bracket.first + at}" for at in range(bracket.size))
            if name in experiment.trials
        ]
        decisions: list[Decision] = []
        passed = 0.0
        for milestone, kept in zip(bracket.milestones, bracket.kept, strict=False):
            here = [it for it in members if it.is_live and it.milestone == milestone]
            waiting = {it.id for it in here if it.is_gated}
            before = [it for it in members if it.is_live and it.milestone == passed]
            coming = any(not it.is_gated for it in before)
            passed = milestone
            if waiting and not coming:
                # Members that joined later find places taken.
                gone = len(here) - len(waiting) + sum(it.milestone > milestone for it in members)
                scores = scores_at(experiment, bracket.number, milestone)
                decisions += self._halved(scores, waiting, milestone, max(kept - gone, 0))
        return decisions

    def _halved(
        self, scores: Sequence[Entry], waiting: set[str], milestone: float, kept: int
    ) -> list[Decision]:
        """The best go on and the others end, in trial order."""
        standing = [it for it in scores if it[-1] in waiting]
        best = {name for *_, name in standing[max(len(standing) - kept, 0) :]}
        reason = f"not among the best {kept} of its bracket at {milestone:g} {self.attr}"
        return [
            Promoted(name, milestone) if name in best else Completed(name, reason)
            for *_, name in sorted(standing, key=lambda it: it[2])
        ]


def _touched(experiment: Experiment, event: Event) -> list[int]:
    """The brackets that an event can have changed; all of them if it names no trial."""
    if isinstance(event, Reported):
        names = [report.trial for report in event.reports]
    else:
        name = getattr(event, "trial", None)
        names = list(experiment.trials) if name is None else [name]
    found = [experiment.trials[name] for name in names if name in experiment.trials]
    return sorted({it.bracket for it in found if it.is_gated or not it.is_live})


@functools.cache
def _band(max_t: float, eta: float) -> tuple[Bracket, ...]:
    count = round(math.log(max_t) / math.log(eta)) + 1
    brackets: list[Bracket] = []
    first = 0
    for s in range(count):
        resource = int(max_t * eta**-s + ROUNDING)
        if resource == 0:
            break
        size = alive = math.ceil(count / (s + 1) * eta**s - ROUNDING)
        kept: dict[float, int] = {}
        for _ in range(s):
            alive = math.ceil(alive / eta - ROUNDING)
            # Where eta is small, truncation can give one milestone twice.
            kept[float(resource)] = alive
            resource = int(min(resource * eta, max_t))
        kept[float(resource)] = 0
        brackets.append(Bracket(s, first, size, tuple(kept), tuple(kept.values())[:-1]))
        first += size
    return tuple(brackets)
