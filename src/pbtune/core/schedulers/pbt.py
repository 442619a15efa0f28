"""Population Based Training (Jaderberg et al. 2017, arXiv:1711.09846).

A member is ready at its first report past its interval that carries a checkpoint, or at twice the
interval without one. Then it is ranked by this report; if it is in the bottom quantile, it goes on
from the ranked checkpoint of a member of the top, with that member's config explored.

Departures from the paper: the fraction and the factors are Tune's (25 %, 1.2 and 0.8); perturbed
values stay in their domain; NaN ranks last.
Departures from Ray Tune 2.60: any ranked checkpoint of a donor will do, not only one made at its
own last interval in the top; NaN members are replaced, first of all; a copy that finds no donor is
recorded with the reason. A synchronous gate opens when every live member stands at it, whatever
ended the others; all are judged by one ranking, in trial order.
As in Tune, a copy keeps its own old rank until it is ready again.

Without mutations this is the exploit-only control: selection of weights under constant configs.
"""

from collections.abc import Sequence
from typing import final

import msgspec

from pbtune.core.experiment import Experiment
from pbtune.core.explore import ExploreSettings, Mutations, explore, fill_missing
from pbtune.core.objective import Objective
from pbtune.core.schedulers.population import (
    STALE_COPY_COUNT_MAX as STALE_COPY_COUNT_MAX,
)
from pbtune.core.schedulers.population import AbstractPopulation
from pbtune.core.trial import Config, Rank, Trial


@final
class PBT(AbstractPopulation, frozen=True, kw_only=True):
    """Perturb or resample the config of whoever was copied.

    Args:
        mutations: What explore may change, by config key; the values are domains, lists, callables
            or nested dicts.
        exploration: How a config is perturbed.
    """

    mutations: Mutations
    exploration: ExploreSettings = ExploreSettings()

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


def with_mutations(scheduler: PBT, mutations: Mutations) -> PBT:
    """The same scheduler with other mutations: those found in the search space."""
    return msgspec.structs.replace(scheduler, mutations=mutations)
