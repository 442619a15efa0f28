"""Multiple-Frequencies Population Based Training (Doulazmi et al. 2025, arXiv:2506.03225).

Sub-populations evolve at different periods, so that some of them look further ahead than the next
interval. When one evolves, its losers go on as explored copies of its winners; those just above the
losers may be replaced by better outsiders. From a slower sub-population weights and hyperparameters
are taken, from a faster one the weights alone: greedy hyperparameters don't spread to the steady
ones.

Departures from the paper and its repository: sub-populations are every n-th member, and need not be
divisible by four; all copies are made of one snapshot, where the repository copies in place; values
stay in their domain; without frequencies they follow from the population's size and the budget.
With another selection than truncation it says who loses inside a sub-population, and to whom. A
copy of somebody who has no checkpoint is skipped, with the reason.
"""

from collections.abc import Sequence
from typing import Final, final

from pbtune.core.decisions import Decision, Skipped
from pbtune.core.experiment import Experiment
from pbtune.core.explore import ExploreSettings, Mutations, explore, fill_missing
from pbtune.core.objective import Objective
from pbtune.core.ranking import Entry, quantile_size
from pbtune.core.schedulers.population import ALL_NAN, NO_CHECKPOINT, AbstractPopulation, exploited
from pbtune.core.selection import Truncation
from pbtune.core.trial import Config, Rank, Trial

SMALL_POPULATION: Final = 16
FREQUENCIES_SMALL: Final = (1, 5)
FREQUENCIES: Final = (1, 5, 10, 25)
QUARTER: Final = 0.25
ROUNDS_MIN: Final = 3
"""A period that comes up less often in a run can't show that it looks further ahead."""


@final
class MFPBT(AbstractPopulation, frozen=True, kw_only=True):
    """Sub-populations with different periods, and migration between them.

    Always synchronous: all members are ranked at each interval, whoever evolves then.

    Args:
        mutations: What explore may change, by config key.
        frequencies: Each sub-population's period in intervals, ascending, >= 1; empty for (1, 5),
            from 16 members on for (1, 5, 10, 25).
        exploration: How a copy of a winner is perturbed; migrants are not.
        budget: Units of ``attr`` that each member trains: without ``frequencies`` only periods are
            used that come up three times in it. None if it isn't known.
    """

    mutations: Mutations
    frequencies: tuple[int, ...] = ()
    exploration: ExploreSettings = ExploreSettings(0.0, (0.8, 1.25))
    budget: float | None = None
    synch: bool = True

    @property
    def version(self) -> int:
        """See the base class."""
        return 1

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The sampled config, with the mutated keys that the search space leaves out."""
        return fill_missing(config, self.mutations, objective.seed, trial, objective.user_calls)

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

    def periods(self, member_count: int) -> tuple[int, ...]:
        """The sub-populations' periods: no more than can have two members each."""
        default = FREQUENCIES_SMALL if member_count < SMALL_POPULATION else FREQUENCIES
        if self.budget is not None:
            longest = self.budget / self.perturbation_interval / ROUNDS_MIN
            default = tuple(period for period in default if period == 1 or period <= longest)
        wanted = self.frequencies or default
        return wanted[: max(1, min(len(wanted), member_count // 2))]

    def judged(
        self, experiment: Experiment, ranking: Sequence[Entry], objective: Objective
    ) -> list[Decision]:
        """Let the sub-populations evolve whose period ends with this generation."""
        periods = self.periods(len(experiment.trials))
        decisions: list[tuple[int, Decision]] = []
        for group, period in enumerate(periods):
            if (experiment.generation + 1) % period == 0:
                decisions += self._evolved(experiment, ranking, objective, (periods, group))
        decisions.sort(key=lambda pair: pair[0])
        return [*self._grown(experiment), *(decision for _, decision in decisions)]

    def _evolved(
        self,
        experiment: Experiment,
        ranking: Sequence[Entry],
        objective: Objective,
        at: tuple[tuple[int, ...], int],
    ) -> list[tuple[int, Decision]]:
        """One sub-population's decisions, each with its trial's index."""
        periods, group = at
        count = len(periods)
        own = [entry for entry in ranking if entry[2] % count == group]
        size = quantile_size(len(own), QUARTER)
        if size == 0:
            return []
        trials = experiment.trials
        winners = [entry for entry in reversed(own[-size:]) if entry[0]]
        decisions: list[tuple[int, Decision]] = []
        lost: set[str] = set()
        for loser, donors in self._losers(experiment, own, winners, objective):
            copied = self._replace(experiment, loser, donors, objective, ())
            decisions.append((loser.index, copied))
            lost.add(loser.id)
        opened = [
            entry for entry in own[size : min(2 * size, len(own) - size)] if entry[-1] not in lost
        ]
        outside = [entry for entry in reversed(ranking) if entry[2] % count != group and entry[0]]
        best = trials[winners[0][-1]] if winners else None
        for entry in reversed(opened):
            if not outside or best is None or entry[:2] >= outside[0][:2]:
                break
            guest = trials[outside.pop(0)[-1]]
            is_slower = periods[guest.index % count] > periods[group]
            migrated = _migrated(trials[entry[-1]], guest, None if is_slower else best)
            decisions.append((entry[2], migrated))
        return decisions

    def _losers(
        self,
        experiment: Experiment,
        own: Sequence[Entry],
        winners: Sequence[Entry],
        objective: Objective,
    ) -> list[tuple[Trial, list[Trial]]]:
        """Who is replaced inside a sub-population, each with those it may be a copy of.

        Args:
            experiment: The state.
            own: The sub-population, worst first.
            winners: Its top quarter, best first, without NaN.
            objective: For the draws of other selections than truncation.
        """
        trials = experiment.trials
        if isinstance(self.selection, Truncation):
            # As in the paper: the best of the losers goes on from the best winner, and so on.
            losers = reversed(own[: quantile_size(len(own), QUARTER)])
            donors = [[trials[name]] for *_, name in winners] or [[]]
            return [
                (trials[name], donors[place % len(donors)])
                for place, (*_, name) in enumerate(losers)
            ]
        found: list[tuple[Trial, list[Trial]]] = []
        for *_, name in own:
            rivals = self._rivals(experiment, trials[name], own, 0.0, objective)
            if rivals is not None:
                found.append((trials[name], [trials[rival] for rival in rivals]))
        return found


def _migrated(trial: Trial, guest: Trial, best: Trial | None) -> Decision:
    """A member goes on from an outsider's weights.

    Args:
        trial: The member.
        guest: The outsider.
        best: Whose config it trains under; None for the outsider's.
    """
    rank = guest.rank
    if rank is None or rank.checkpoint is None:
        return Skipped(trial.id, NO_CHECKPOINT if rank is not None else ALL_NAN)
    owner = guest if best is None else best
    config = owner.config if owner.rank is None else owner.rank.config
    return exploited(trial, (guest.id, rank), (config, {}), config_donor=owner.id)
