"""What is remembered of trials that are judged by their scores, without any of them being copied.

Part of ``fold``. A milestone is passed once: steps that are done again after a crash, and reports
that were in the trace already, change nothing.
"""

from collections.abc import Sequence

import msgspec

from pbtune.core import decisions as d
from pbtune.core.experiment import Experiment, put
from pbtune.core.ranking import Entry, added, entry
from pbtune.core.trial import Trial
from pbtune.errors import EngineBug


def scores_at(experiment: Experiment, bracket: int, milestone: float) -> Sequence[Entry]:
    """The scores at a milestone of a bracket, worst first."""
    return experiment.rungs.get(_place(bracket, milestone), ())


def _place(bracket: int, milestone: float) -> str:
    # Whole numbers come back from the journal as floats.
    return f"{bracket}/{float(milestone)!r}"


def measured(state: Experiment, record: d.Measured) -> Experiment:
    """A score joins those of its milestone."""
    trial = state.trials[record.trial]
    if record.milestone <= trial.milestone:
        message = f"{trial.id} is measured at {record.milestone:g} after {trial.milestone:g}"
        raise EngineBug(message)
    place = _place(record.bracket, record.milestone)
    scores = added(state.rungs.get(place, ()), entry(float(record.score), trial.index, trial.id))
    new = msgspec.structs.replace(
        trial,
        milestone=float(record.milestone),
        progress=float(record.progress),
        decisions=trial.decisions + 1,
        is_gated=record.waits,
    )
    return msgspec.structs.replace(put(state, new), rungs={**state.rungs, place: scores})


def promoted(state: Experiment, record: d.Promoted) -> Experiment:
    """A trial no longer waits."""
    return put(state, msgspec.structs.replace(state.trials[record.trial], is_gated=False))


def traced(state: Experiment, record: d.Traced) -> Experiment:
    """A report joins its trial's trace."""
    trial = state.trials[record.trial]
    trace = trial.trace.with_point(
        float(record.progress), float(record.score), counts=record.counts
    )
    return put(state, msgspec.structs.replace(trial, trace=trace))


def deferred(state: Experiment, record: d.Deferred) -> Experiment:
    """A trial wants no slot that somebody else wants."""
    return put(state, msgspec.structs.replace(state.trials[record.trial], is_deferred=True))


def forgotten(state: Experiment, trial: Trial) -> tuple[Experiment, Trial]:
    """The state without what a trial that begins anew from nothing was judged by."""
    fresh = Trial(trial.id, trial.index, {})
    new = msgspec.structs.replace(
        trial, milestone=fresh.milestone, trace=fresh.trace, is_deferred=False
    )
    if not trial.milestone:
        return state, new
    rungs = {place: _without(scores, trial.id) for place, scores in state.rungs.items()}
    return msgspec.structs.replace(state, rungs=rungs), new


def _without(scores: Sequence[Entry], trial: str) -> Sequence[Entry]:
    return [it for it in scores if it[-1] != trial]
