"""Iterated Population Based Training (Chebykin et al. 2025, arXiv:2511.09190).

Begin with a short interval. When the population stops improving, restart it: some members get fresh
weights, the others shrunk and perturbed ones, hyperparameters are drawn anew or taken from the
best, and the interval doubles. So no interval has to be chosen.

Departures from the paper: stagnation is a count of generations without a new best score, and not of
a smoothed series' falls; slowness is the paper's, over the intervals that are remembered; half of
the new configs come from the best member, explored, and not from a second model over restarts; the
population is not doubled for one step. Shrinking and perturbing is the training function's part,
which sees the number of restarts in its config; without that key the members that keep weights go
on from the best one's as they are.
"""

from collections.abc import Sequence
from typing import Final, final

from pbtune.core.decisions import Decision, IntervalGrown, Restarted
from pbtune.core.experiment import Experiment
from pbtune.core.explore import ExploreSettings, explore
from pbtune.core.objective import Objective
from pbtune.core.pacing import gate_bests, is_slow, stale_generations
from pbtune.core.ranking import Entry
from pbtune.core.rng import rng_for
from pbtune.core.schedulers.pb2 import PB2
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.schedulers.population import AbstractPopulation, exploited
from pbtune.core.trial import Config, Rank, Trial

HALF: Final = 0.5
DRAW: Final = ExploreSettings(resample_probability=1.0)


@final
class IPBT(AbstractPopulation, frozen=True, kw_only=True):
    """PBT or PB2 that restarts itself with longer intervals.

    Always synchronous.

    Args:
        method: How copies are explored; its other settings don't count.
        patience: Generations without a new best score before a restart, >= 1.
        slow_window: A restart too if the best of so many generations is less than one standard
            deviation of the best scores since the last restart above what came before, >= 2; None
            for never.
        interval_factor: What the interval is multiplied by at a restart, > 1.
        fresh_fraction: How many members get fresh weights at a restart, as a share in [0, 1].
        restart_key: The config key that tells the training function the number of restarts; None
            for none.
        budget: Units of ``attr`` that each member trains: no restart if fewer than two of the new
            intervals would fit. None if it isn't known.
    """

    method: PBT | PB2
    patience: int = 3
    slow_window: int | None = 15
    interval_factor: float = 2.0
    fresh_fraction: float = HALF
    restart_key: str | None = None
    budget: float | None = None
    synch: bool = True

    @property
    def version(self) -> int:
        """See the base class."""
        return 2

    @property
    def remembers(self) -> bool:
        """If somebody learns from it, or looks for slowness in it."""
        learns = self.selection.needs_scores or self.method.remembers
        return learns or self.slow_window is not None

    def first_config(self, config: Config, trial: str, objective: Objective) -> Config:
        """The method's, with no restarts so far."""
        first = self.method.first_config(config, trial, objective)
        return first if self.restart_key is None else {**first, self.restart_key: 0}

    def explored(
        self,
        experiment: Experiment,
        trial: Trial,
        rank: Rank,
        objective: Objective,
        proposed: Sequence[Config],
    ) -> tuple[Config, dict[str, str]]:
        """The method's."""
        return self.method.explored(experiment, trial, rank, objective, proposed)

    def judged(
        self, experiment: Experiment, ranking: Sequence[Entry], objective: Objective
    ) -> list[Decision]:
        """A generation as in PBT, or a restart."""
        interval = (experiment.interval or self.perturbation_interval) * self.interval_factor
        best = next((entry for entry in reversed(ranking) if entry[0]), None)
        reason = self._reason(experiment)
        if best is None or reason is None or not self._fits(experiment, ranking, interval):
            return super().judged(experiment, ranking, objective)
        decisions: list[Decision] = []
        owner = experiment.trials[best[-1]]
        for _, _, _, name in sorted(ranking, key=lambda entry: entry[2]):
            again = self._again(experiment, experiment.trials[name], owner, objective)
            if again is not None:
                decisions.append(again)
        return [*decisions, IntervalGrown(interval, reason, is_restart=True)]

    def _reason(self, experiment: Experiment) -> str | None:
        """Why the population should restart; None if it shouldn't."""
        if stale_generations(experiment) >= self.patience:
            return f"restart: no new best in {self.patience} generations"
        window = self.slow_window
        if window is not None and is_slow(gate_bests(experiment.history), window):
            return f"restart: the best of {window} generations is hardly better"
        return None

    def _fits(self, experiment: Experiment, ranking: Sequence[Entry], interval: float) -> bool:
        if self.budget is None:
            return True
        furthest = max(experiment.trials[name].progress for *_, name in ranking)
        return furthest + 2 * interval <= self.budget

    def _again(
        self, experiment: Experiment, trial: Trial, best: Trial, objective: Objective
    ) -> Decision | None:
        """How one member begins the next iteration; None if it has nothing to begin with."""
        rng = rng_for(objective.seed, "restart", trial.id, trial.decisions)
        is_fresh, is_drawn = rng.random() < self.fresh_fraction, rng.random() < HALF
        rank = best.rank
        if rank is None:
            return None
        # Shrunk and perturbed weights are each member's own; else only the best are worth keeping.
        own = best if self.restart_key is None else trial
        keeps = own.rank
        if is_drawn:
            config, operations = self._drawn(rank.config, trial, objective)
        else:
            config, operations = self.explored(experiment, trial, rank, objective, ())
        if self.restart_key is not None:
            count = rank.config.get(self.restart_key, 0)
            config = {**config, self.restart_key: (count if isinstance(count, int) else 0) + 1}
        if is_fresh or keeps is None or keeps.checkpoint is None:
            return Restarted(
                trial=trial.id,
                config=config,
                step=trial.step,
                progress=trial.progress,
                time_total_s=trial.time_total_s,
                old_config=trial.config,
            )
        return exploited(trial, (own.id, keeps), (config, operations), config_donor=best.id)

    def _drawn(
        self, config: Config, trial: Trial, objective: Objective
    ) -> tuple[Config, dict[str, str]]:
        space = self.method.mutations if isinstance(self.method, PBT) else self.method.bounds
        address = (objective.seed, trial.id, trial.decisions)
        return explore(config, space, DRAW, address, objective.user_calls)
