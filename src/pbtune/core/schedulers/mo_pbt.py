"""Multi-Objective Population Based Training (Dushatskiy et al. 2023, arXiv:2306.01436).

PBT with another order: non-dominated sorting into fronts, and within a front a scattered order, so
that the top is spread along it. The result is the set of members that nobody dominates.

Departures from the paper: explore is PBT's (lists move by one place, not by up to three), and
distances in a front are in shares of its range. A member with NaN in any metric comes last.
"""

import math
from collections.abc import Sequence
from typing import final

from pbtune.core.events import Report
from pbtune.core.experiment import Experiment
from pbtune.core.explore import ExploreSettings, Mutations, explore, fill_missing
from pbtune.core.objective import Objective
from pbtune.core.pareto import best_first
from pbtune.core.ranking import Entry
from pbtune.core.schedulers.population import AUTO_FILLED, AbstractPopulation
from pbtune.core.trial import Config, Rank, Trial


@final
class MOPBT(AbstractPopulation, frozen=True, kw_only=True):
    """PBT by several metrics.

    Args:
        mutations: What explore may change, by config key.
        metrics: (name, "max" or "min"), at least two; the first one is the run's own.
        exploration: How a config is perturbed.
    """

    mutations: Mutations
    metrics: tuple[tuple[str, str], ...]
    exploration: ExploreSettings = ExploreSettings(resample_probability=0.2)

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    def needed(self, objective: Objective) -> tuple[tuple[str, str], ...]:
        """All metrics, and the time attribute."""
        del objective
        needed = [(name, "MO-PBT ranks by") for name, _ in self.metrics]
        if self.attr not in AUTO_FILLED:
            needed.append((self.attr, "PBT counts its intervals in"))
        return tuple(needed)

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The sampled config, with the mutated keys that the search space leaves out."""
        return fill_missing(config, self.mutations, objective.seed, trial, objective.user_calls)

    def values(self, report: Report, objective: Objective) -> tuple[float, ...]:
        """Every metric, oriented so that larger is better."""
        del objective
        found: list[float] = []
        for name, mode in self.metrics:
            value = report.number(name)
            found.append(-value if mode == "min" else value)
        return tuple(found)

    def ordered(
        self,
        experiment: Experiment,
        ranking: Sequence[Entry],
        newest: tuple[str, tuple[float, ...]] | None,
    ) -> Sequence[Entry]:
        """The ranking by fronts, worst first; an entry's score is then its place."""
        values: list[tuple[float, ...]] = []
        entries: list[Entry] = []
        lost: list[Entry] = []
        for entry in ranking:
            name = entry[-1]
            rank = experiment.trials[name].rank
            found = newest[1] if newest is not None and newest[0] == name else None
            if found is None:
                found = () if rank is None else rank.values
            if len(found) == len(self.metrics) and not any(map(math.isnan, found)):
                values.append(found)
                entries.append(entry)
            else:
                lost.append((False, 0.0, entry[2], name))
        order = best_first(values)
        places = [
            (True, float(place), entries[index][2], entries[index][3])
            for place, index in enumerate(reversed(order))
        ]
        return [*sorted(lost), *places]

    def explored(
        self,
        experiment: Experiment,
        trial: Trial,
        rank: Rank,
        objective: Objective,
        proposed: Sequence[Config],
    ) -> tuple[Config, dict[str, str]]:
        """See the base class."""
        del experiment, proposed
        address = (objective.seed, trial.id, trial.decisions)
        settings, calls = self.exploration, objective.user_calls
        return explore(rank.config, self.mutations, settings, address, calls)
