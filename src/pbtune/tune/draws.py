"""``tune.uniform(0, 1).sample()``: drawing by hand, with the system's entropy and numpy arrays."""

import random
import sys
from typing import Any, Final

from pbtune.core.domain import AbstractDomain
from pbtune.core.sampling import takes_config
from pbtune.core.space import Categorical, Float, Function, Integer, Normal
from pbtune.core.values import unboxed
from pbtune.driver import user_calls
from pbtune.errors import SettingsError
from pbtune.worker import api

_SEED_BYTES: Final = 8


def sample(domain: AbstractDomain, config: object, size: int, random_state: object) -> object:
    """What ``Domain.sample`` gives; see there.

    Raises:
        SettingsError: If the size or the random state can't be used.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"sample(size=...) must be an int >= 1, not {size!r}"
        raise SettingsError(message)
    rng = generator(random_state)
    configs = config if isinstance(config, list) else [config] * size
    values = [_drawn(domain, configs[at], rng) for at in range(size)]
    if size == 1:
        return values[0]
    numpy: Any = sys.modules.get("numpy")
    is_number = isinstance(domain, (Float, Integer, Normal))
    return numpy.array(values) if is_number and numpy is not None else values


def _drawn(domain: AbstractDomain, config: object, rng: random.Random) -> object:
    if isinstance(domain, Function):
        return domain.function(config) if takes_config(domain.function) else domain.function()
    if isinstance(domain, (Float, Integer, Normal, Categorical)):
        return domain.draw(rng)
    message = f"{domain!r} is no domain of pbtune's"
    raise TypeError(message)


def generator(random_state: object) -> random.Random:
    """A generator from what Tune takes as ``random_state``.

    Raises:
        SettingsError: If it is nothing that can be drawn from.
    """
    if isinstance(random_state, random.Random):
        return random_state
    if random_state is None:
        if user_calls.is_running() or api.is_in_trial():
            return random.Random(random.getrandbits(8 * _SEED_BYTES))  # noqa: S311  no secret
        return random.Random()  # noqa: S311  no secret
    plain = unboxed(random_state)
    if isinstance(plain, int):
        return random.Random(plain)  # noqa: S311  no secret
    # numpy's Generator, its RandomState, and the module itself all have it.
    draw = getattr(random_state, "bytes", None)
    if callable(draw):
        return random.Random(bytes(draw(_SEED_BYTES)))  # type: ignore[arg-type]  # noqa: S311
    message = (
        f"random_state must be an int, a numpy generator, a random.Random or None,"
        f" not {random_state!r}"
    )
    raise SettingsError(message)
