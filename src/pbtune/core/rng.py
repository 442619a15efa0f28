"""Randomness has an address: who draws, for what, and after how many decisions."""

import random
from typing import Final

SEED_BITS: Final = 32


def rng_for(seed: int, purpose: str, trial: str, n: object) -> random.Random:
    """The stream for one draw. Depends on who and when, never on how many draws came before.

    Args:
        seed: The run's seed.
        purpose: What is drawn: "sample", "exploit", "explore".
        trial: Whose decision it is.
        n: Which one, usually the count of that trial's decisions.
    """
    # Python promises the same stream for the same string, on every platform and version.
    return random.Random(f"{seed}/{purpose}/{trial}/{n}")  # noqa: S311  no secret is made here


def seed_for(seed: int, purpose: str, trial: str, n: object) -> int:
    """A seed in [0, 2**32), which numpy takes too, from the same kind of address."""
    return rng_for(seed, purpose, trial, n).getrandbits(SEED_BITS)
