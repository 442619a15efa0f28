"""What chooses the first members of a population: ``TuneConfig(search_alg=...)``."""

import inspect
from typing import Any, Final

from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.places import elsewhere
from pbtune.tune.search.base import AbstractSearcher as AbstractSearcher
from pbtune.tune.search.basic_variant import BasicVariantGenerator as BasicVariantGenerator
from pbtune.tune.search.concurrency_limiter import ConcurrencyLimiter as ConcurrencyLimiter
from pbtune.tune.search.optuna import OptunaSearch
from pbtune.tune.search.variant_generator import grid_search as grid_search

_OURS: Final[dict[str, type[AbstractSearcher]]] = {
    "variant_generator": BasicVariantGenerator,
    "random": BasicVariantGenerator,
    "optuna": OptunaSearch,
}
_ABSENT: Final = {
    "ax": "AxSearch",
    "bayesopt": "BayesOptSearch",
    "bohb": "TuneBOHB",
    "hebo": "HEBOSearch",
    "hyperopt": "HyperOptSearch",
    "nevergrad": "NevergradSearch",
    "zoopt": "ZOOptSearch",
}
_WHY: Final = (
    "population based training searches while it trains; for the first members there are"
    " BasicVariantGenerator and OptunaSearch"
)
__all__ = [
    "AbstractSearcher",
    "BasicVariantGenerator",
    "ConcurrencyLimiter",
    "create_searcher",
    "grid_search",
]


def create_searcher(search_alg: str, **kwargs: Any) -> AbstractSearcher:  # noqa: ANN401  any setting
    """A searcher by its name.

    Args:
        search_alg: "random", its other name "variant_generator", or "optuna".
        **kwargs: Its arguments; those that it doesn't take are left out, as in Tune.

    Raises:
        NotInPbtune: If it is one of Tune's other searchers.
        SettingsError: If there is none of this name.
    """
    name = search_alg.lower()
    if name in _ABSENT:
        full = f"ray.tune.search.{name}.{_ABSENT[name]}"
        raise NotInPbtune(full, _WHY)
    if name not in _OURS:
        message = f"search_alg must be one of {', '.join(_OURS)}, not {search_alg!r}"
        raise SettingsError(message)
    taken = inspect.signature(_OURS[name]).parameters
    return _OURS[name](**{key: value for key, value in kwargs.items() if key in taken})


def __getattr__(name: str) -> object:
    if name in _ABSENT.values():
        full = f"ray.tune.search.{name}"
        raise NotInPbtune(full, _WHY)
    return elsewhere(__name__, name)
