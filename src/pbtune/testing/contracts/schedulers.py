"""What every scheduler promises: shown by whole runs, in the simulator."""

# ruff: noqa: S101, D102  tests: each name is a sentence

import random
from collections.abc import Iterable
from typing import Final

import msgspec

from pbtune.core.decide import decide
from pbtune.core.events import Report, Reported
from pbtune.core.experiment import Experiment, Record
from pbtune.core.fold import fold
from pbtune.core.lease import reached
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.trial import Trial
from pbtune.testing.options import Options, expand, settings_of
from pbtune.testing.simulation import Outcome, first_difference, simulate

SEEDS: Final = range(24)


def options_for(scheduler: AbstractScheduler, seed: int) -> Options:
    """A run that fits a scheduler, with all that goes wrong in it."""
    options = expand(seed)
    is_sync = scheduler.is_synchronous
    return msgspec.structs.replace(
        options,
        scheduler="sync" if is_sync else "pbt",
        attr=scheduler.time_attr,
        rhythm=1,
        straggler_timeout_s=scheduler.gate_timeout_s,
        extends=False,
    )


class SchedulerContract:
    """Subclass it with a fixture ``scheduler``.

    It works on ``param_space={"lr": uniform(0, 1), "origin": uniform(0, 1), "net": {"units":
    choice([8, 16, 32])}}``, with the metric "score", reports of which "training_iteration" and
    "epoch", half of that, are counted; a scheduler that has mutations keeps to ``lr`` and
    ``net/units``. An interval of a few reports shows more than one of hundreds.
    """

    def test_whatever_goes_wrong_every_promise_holds_and_the_run_ends(
        self, scheduler: AbstractScheduler
    ) -> None:
        for seed in SEEDS:
            outcome = simulate(options_for(scheduler, seed), scheduler)
            assert outcome.violation is None, (outcome.violation, outcome.options)

    def test_the_same_run_twice_is_the_same(self, scheduler: AbstractScheduler) -> None:
        for seed in SEEDS[:6]:
            first = self._calm(scheduler, seed)
            random.seed(seed)
            second = self._calm(scheduler, seed)
            assert first_difference(first.records, second.records) is None

    def test_a_report_that_no_rule_blocks_decides_nothing(
        self, scheduler: AbstractScheduler
    ) -> None:
        blocked = 0
        for seed in SEEDS[:6]:
            outcome = self._calm(scheduler, seed)
            settings = settings_of(outcome.options, scheduler)
            for state, report in reported(outcome.records):
                rules = scheduler.rules(state.trials[report.trial])
                blocks = scheduler.observes_all or any(
                    reached(report.value(rule.key), rule.at_least)
                    for rule in rules
                    if report.checkpoint is not None or not rule.needs_checkpoint
                )
                blocked += blocks
                new = fold(state, Reported((report,)))
                decisions = scheduler.on_report(new, report, settings.objective)
                assert blocks or not decisions
        assert blocked or not scheduler.rules(Trial("t0", 0, {}))

    def test_deciding_draws_nothing_from_the_global_generator(
        self, scheduler: AbstractScheduler
    ) -> None:
        for seed in SEEDS[:6]:
            outcome = self._calm(scheduler, seed)
            settings = settings_of(outcome.options, scheduler)
            before = random.getstate()
            for state, report in reported(outcome.records):
                event = Reported((report,))
                decide(settings, fold(state, event), event)
            assert random.getstate() == before

    def _calm(self, scheduler: AbstractScheduler, seed: int) -> Outcome:
        outcome = simulate(options_for(scheduler, seed).calm, scheduler)
        assert outcome.violation is None, (outcome.violation, outcome.options)
        return outcome


def reported(records: Iterable[Record]) -> Iterable[tuple[Experiment, Report]]:
    """Each report that was folded, with the state before it."""
    state = Experiment()
    for record in records:
        if isinstance(record, Reported):
            for report in record.reports:
                yield state, report
        state = fold(state, record)
