"""Explore: how a copied config is changed (Jaderberg et al. 2017, section 3; Tune's ``explore``).

Each path draws from a stream of its own, so that adding a hyperparameter changes no other's draws.
Departures from Ray Tune 2.60: values stay in their domain; the type comes from the domain, or
from what a callable gives; an int moves by at least 1; categories move to a neighbour if they are
ordered, else they are drawn anew.
"""

import copy
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import msgspec

from pbtune.core.rng import rng_for
from pbtune.core.space import Categorical, Float, Function, Integer, Normal, UserCalls, is_domain
from pbtune.core.trial import Config
from pbtune.core.values import is_list, is_tuple
from pbtune.errors import SettingsError, SpaceError, SpaceTypeError

Mutations = Mapping[str, object]
"""By config key: a domain, a list or tuple of values, a callable, or a dict of the same."""
Address = tuple[int, str, object]
"""Seed, trial, and which of the trial's decisions this is."""
_NUMBERS: Final = (Float, Integer, Normal)


class ExploreSettings(msgspec.Struct, frozen=True):
    """How a config is perturbed.

    ``resample_probability`` is in [0, 1]; the factors are > 0, one is chosen for each value.
    """

    resample_probability: float = 0.25
    perturbation_factors: tuple[float, ...] = (1.2, 0.8)
    custom_explore_fn: Callable[[Config], Config] | None = None


def explore(
    config: Config,
    mutations: Mutations,
    settings: ExploreSettings,
    address: Address,
    user_calls: UserCalls,
) -> tuple[Config, dict[str, str]]:
    """A donor's config, changed.

    Returns:
        The new config, and what was done to each '/'-joined path.

    Raises:
        SettingsError: If ``custom_explore_fn`` doesn't return a config.
    """
    run = _Exploration(settings, address, user_calls)
    new = cast("Config", run.changed(copy.deepcopy(config), mutations, ""))
    function = settings.custom_explore_fn
    if function is None:
        return new, run.operations
    result = user_calls.call(function, (new,), run.where("custom_explore_fn"))
    if not isinstance(result, dict):
        message = (
            f"custom_explore_fn must return the new config as a dict, not {result!r}: it lacks a"
            f" `return config`"
        )
        raise SettingsError(message)
    run.operations["*"] = "custom_explore_fn"
    return cast("Config", result), run.operations


class _Exploration:
    """One exploration: an address, and the list of what was done."""

    def __init__(self, settings: ExploreSettings, address: Address, user_calls: UserCalls) -> None:
        self.operations: dict[str, str] = {}
        self._settings = settings
        self._address = address
        self._user_calls = user_calls

    def where(self, path: str) -> str:
        seed, trial, n = self._address
        return f"{seed}/explore/{trial}/{n}/{path}"

    def changed(self, config: object, mutations: Mutations, prefix: str) -> object:
        values = cast("Config", config) if isinstance(config, dict) else {}
        for key, space in mutations.items():
            path = f"{prefix}{key}"
            if isinstance(space, dict):
                nested = cast("Mutations", space)
                values[key] = self.changed(values.get(key), nested, f"{path}/")
                continue
            seed, trial, n = self._address
            rng = rng_for(seed, "explore", trial, f"{n}/{path}")
            is_missing = key not in values
            values[key], self.operations[path] = self._value(
                values.get(key), space, path, rng, is_missing=is_missing
            )
        return values

    def _value(
        self, value: object, space: object, path: str, rng: random.Random, *, is_missing: bool
    ) -> tuple[object, str]:
        resample = rng.random() < self._settings.resample_probability or is_missing
        if isinstance(space, _NUMBERS):
            if resample or not _is_number(value):
                return space.draw(rng), "resample"
            return self._perturbed(cast("float", value), space, rng)
        if isinstance(space, Categorical) or is_list(space) or is_tuple(space):
            values = space.categories if isinstance(space, Categorical) else space
            is_ordered = not isinstance(space, Categorical) or space.is_ordered
            if resample or not is_ordered or value not in values:
                return rng.choice(values), "resample"
            return _shifted(value, values, rng)
        function = cast("Callable[[], object]", space)
        fresh = self._user_calls.call(function, (), self.where(path))
        if resample or not _is_number(value) or not _is_number(fresh):
            return fresh, "resample"
        # The callable is the domain: the type comes from what it gives, not from the old value.
        bounds = _ANY_INT if isinstance(fresh, int) else _ANY_FLOAT
        return self._perturbed(cast("float", value), bounds, rng)

    def _perturbed(
        self, value: float, space: Float | Integer | Normal, rng: random.Random
    ) -> tuple[object, str]:
        factor = rng.choice(self._settings.perturbation_factors)
        new = space.clip(value * factor)
        step = space.step()
        if step is not None and new == value and factor != 1:
            up = value * factor > value or (value == 0 and factor > 1)
            new = space.clip(value + step if up else value - step)
        return new, f"* {factor}"


_ANY_INT: Final = Integer(-(1 << 62), 1 << 62)
_ANY_FLOAT: Final = Normal(0.0, 1.0)


def _is_number(value: object) -> bool:
    """Whether a value can be perturbed. NaN and infinities have no neighbours: they are redrawn."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _shifted(value: object, values: Sequence[object], rng: random.Random) -> tuple[object, str]:
    """A neighbour, by coin flip; at an end the flip may come to nothing, as in Tune."""
    at = values.index(value)
    to = at + rng.choice((-1, 1))
    word = "shift left" if to < at else "shift right"
    inside = min(max(to, 0), len(values) - 1)
    return values[inside], word if inside == to else f"{word} (noop)"


def fill_missing(
    config: Config, mutations: Mutations, seed: int, trial: str, user_calls: UserCalls
) -> Config:
    """A first config, with the mutated keys that the search space leaves out drawn."""
    draw_all = ExploreSettings(resample_probability=1.0)
    run = _Exploration(draw_all, (seed, trial, "first"), user_calls)
    lacking = _lacking(config, mutations)
    return cast("Config", run.changed(copy.deepcopy(config), lacking, "")) if lacking else config


def _lacking(config: object, mutations: Mutations) -> dict[str, object]:
    values = cast("Config", config) if isinstance(config, dict) else {}
    lacking: dict[str, object] = {}
    for key, space in mutations.items():
        if key not in values:
            lacking[key] = space
        elif isinstance(space, dict):
            inner = _lacking(values[key], cast("Mutations", space))
            if inner:
                lacking[key] = inner
    return lacking


def validate_mutations(
    mutations: Mutations, param_space: Mapping[str, object] | None = None, prefix: str = ""
) -> None:
    """Check that every mutation can be drawn, and fits the search space if that is given.

    Raises:
        SpaceTypeError: If a mutation is of a kind that can't be drawn (also a TypeError).
        SpaceError: If it is empty, or contradicts the search space.
    """
    for key, space in mutations.items():
        path = f"{prefix}{key}"
        if isinstance(space, Function):
            message = (
                f"hyperparam_mutations[{path!r}] is a tune.sample_from, which depends on a config;"
                f" give a domain, a list or a function of nothing"
            )
            raise SpaceError(message)
        if (is_list(space) or is_tuple(space)) and not space:
            message = f"hyperparam_mutations[{path!r}] is empty: give at least one value"
            raise SpaceError(message)
        inside = None if param_space is None else param_space.get(key)
        if isinstance(space, dict):
            if inside is not None and not isinstance(inside, Mapping):
                message = (
                    f"hyperparam_mutations[{path!r}] is a dict, but param_space[{path!r}] is"
                    f" {inside!r}: both must be nested alike"
                )
                raise SpaceError(message)
            nested = cast("Mapping[str, object] | None", inside)
            validate_mutations(cast("Mutations", space), nested, f"{path}/")
        elif not (is_domain(space) or is_list(space) or is_tuple(space) or callable(space)):
            known = "" if inside is None else f" (param_space has {inside!r} for it)"
            message = (
                f"hyperparam_mutations[{path!r}] = {space!r} can't be sampled{known}: give a"
                f" domain such as tune.uniform(0.1, 1), a list, a function or a nested dict"
            )
            raise SpaceTypeError(message)


def mutations_from_space(space: Mapping[str, object]) -> dict[str, object]:
    """Every domain of a search space, nested as there."""
    found: dict[str, object] = {}
    for key, value in space.items():
        if is_domain(value) and not isinstance(value, Function):
            found[key] = value
        elif isinstance(value, dict):
            inner = mutations_from_space(cast("dict[str, object]", value))
            if inner:
                found[key] = inner
    return found


def mutated_paths(mutations: Mutations, prefix: str = "") -> tuple[str, ...]:
    """The '/'-joined paths of all mutated hyperparameters."""
    paths: list[str] = []
    for key, space in mutations.items():
        if isinstance(space, dict):
            paths += mutated_paths(cast("Mutations", space), f"{prefix}{key}/")
        else:
            paths.append(f"{prefix}{key}")
    return tuple(paths)
