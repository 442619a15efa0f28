"""The methods and controls that are compared, by the names and defaults that users have."""

from collections.abc import Callable
from typing import Any

from benchmarks.comparison.problems.base import Problem
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.tune import schedulers as given

Maker = Callable[[Problem, dict[str, Any]], Any]


def _pbt(wishes: dict[str, Any], **more: Any) -> Any:
    return given.PopulationBasedTraining(**{**wishes, "synch": True, **more})


def _iterated(problem: Problem, wishes: dict[str, Any], key: str | None = None) -> Any:
    method = given.PopulationBasedTraining(**wishes)
    return given.IPBT(method, budget=problem.total, restart_key=key)


CONTROLS: dict[str, Maker] = {
    "random search": lambda _problem, _wishes: given.RandomSearch(),
    "random search, cosine": lambda problem, _wishes: given.CosineDecay(
        total=problem.total, paths=problem.decays
    ),
    "exploit only": lambda _problem, wishes: given.ExploitOnly(**wishes, synch=True),
}
METHODS: dict[str, Maker] = {
    "PBT": lambda _problem, wishes: _pbt(wishes),
    "PBT, asynchronous": lambda _problem, wishes: _pbt(wishes, synch=False),
    "PBT, tournament": lambda _problem, wishes: _pbt(wishes, selection="tournament"),
    "PBT, gap": lambda _problem, wishes: _pbt(wishes, selection="gap"),
    "PBT, growing interval": lambda _problem, wishes: _pbt(wishes, interval_growth=8),
    "PBT, backtracking": lambda _problem, wishes: _pbt(wishes, backtrack=True),
    "MF-PBT": lambda problem, wishes: given.MFPBT(**wishes, budget=problem.total),
    "PB2": lambda _problem, wishes: given.PB2(**wishes, synch=True),
    "BG-PBT": lambda _problem, wishes: given.PB2(
        **wishes, synch=True, trust_region=True, backtrack=True
    ),
    "IPBT": _iterated,
    "IPBT, shrink and perturb": lambda problem, wishes: _iterated(problem, wishes, "restarts"),
}
ALL: dict[str, Maker] = {**CONTROLS, **METHODS}


def scheduler_of(method: str, problem: Problem, interval: int) -> AbstractScheduler:
    """The core's scheduler for a method's name."""
    wishes = {"time_attr": "training_iteration", "perturbation_interval": interval}
    return ALL[method](problem, wishes).resolve(problem.space)
