"""``decide(settings, state, event) -> decisions``: the one place where events have consequences."""

from collections.abc import Callable, Iterable
from typing import Final, cast

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Experiment, Record
from pbtune.core.fold import fold
from pbtune.core.sampling import variants
from pbtune.core.settings import Settings


def decide(settings: Settings, state: Experiment, event: e.Event) -> list[d.Decision]:
    """What follows from one event that is already folded. Pure: same inputs, same decisions.

    The user's callables are reached through ``settings.objective.user_calls`` only; what they gave
    is in the decisions, as recorded inputs.
    """
    decisions = list(_DECIDERS[type(event)](settings, state, event))
    if not settings.scheduler.is_synchronous:
        return decisions
    # Whatever ends a trial may leave only members that stand at the gate.
    for decision in decisions:
        state = fold(state, decision)
    return decisions + settings.scheduler.at_gate(state, settings.objective, event=event)


def advance(
    settings: Settings, state: Experiment, event: e.Event
) -> tuple[Experiment, list[Record]]:
    """Fold an event, decide, fold the decisions.

    Returns:
        The new state, and the records that led to it: the event first.
    """
    state = fold(state, event)
    decisions = decide(settings, state, event)
    for decision in decisions:
        state = fold(state, decision)
    return state, [event, *decisions]


def _opened(settings: Settings, state: Experiment, _event: e.Opened) -> list[d.Decision]:
    """The members that the population still lacks: all of them at first, more after a restore."""
    objective = settings.objective
    created: list[d.Decision] = []
    population = variants(
        settings.param_space,
        settings.num_samples,
        objective.seed,
        objective.user_calls,
        settings.initial,
    )
    for index, variant in enumerate(population):
        trial = f"t{index}"
        if trial not in state.trials:
            config = settings.scheduler.first_config(variant.config, trial, objective)
            bracket = settings.scheduler.bracket_of(trial, index, objective)
            created.append(d.Created(trial, index, config, variant.evaluated, bracket))
    return created


def _reported(settings: Settings, state: Experiment, event: e.Reported) -> list[d.Decision]:
    decisions: list[d.Decision] = []
    for report in event.reports:
        reason = settings.stop.reason(report)
        if reason is not None:
            last = settings.scheduler.on_last_report(state, report, settings.objective)
            new: list[d.Decision] = [*last, d.Completed(report.trial, reason)]
        else:
            new = settings.scheduler.on_report(state, report, settings.objective)
        decisions += new
        if len(event.reports) > 1:
            for decision in new:
                state = fold(state, decision)
    return decisions


def _saved(settings: Settings, state: Experiment, event: e.Saved) -> Iterable[d.Decision]:
    return settings.retention.evict(state, event.trial)


def _returned(_settings: Settings, _state: Experiment, event: e.Returned) -> list[d.Decision]:
    return [d.Completed(event.trial, "returned")]


def _failed(settings: Settings, state: Experiment, event: e.Failed) -> list[d.Decision]:
    failures = state.trials[event.trial].failures
    limit = settings.max_failures
    if event.fatal:
        return [d.Abandoned(event.trial, failures), d.Halted(event.message, event.trial)]
    if event.lost or limit < 0 or failures <= limit:
        return [d.Retried(event.trial, failures)]
    decisions: list[d.Decision] = [d.Abandoned(event.trial, failures)]
    if settings.fail_fast:
        decisions.append(d.Halted(f"{event.trial} failed: {event.message}", event.trial))
    return decisions


def _stopped_all(_settings: Settings, state: Experiment, event: e.StoppedAll) -> list[d.Decision]:
    live = sorted((trial.index, trial.id) for trial in state.trials.values() if trial.is_live)
    return [d.Completed(name, event.reason) for _, name in live]


def _nothing(_settings: Settings, _state: Experiment, _event: e.Event) -> list[d.Decision]:
    return []


_DECIDERS: Final = cast(
    "dict[type[e.Event], Callable[[Settings, Experiment, e.Event], list[d.Decision]]]",
    {
        e.Opened: _opened,
        e.Reported: _reported,
        e.Saved: _saved,
        e.Returned: _returned,
        e.Failed: _failed,
        e.Waited: _nothing,
        e.Reopened: _nothing,
        e.Closed: _nothing,
        e.Damaged: _nothing,
        e.Rewound: _nothing,
        e.Reconfigured: _nothing,
        e.StoppedAll: _stopped_all,
        e.Noticed: _nothing,
        e.Hosted: _nothing,
    },
)
