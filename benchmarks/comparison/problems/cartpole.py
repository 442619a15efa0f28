"""B6, a cart that balances a pole, by actor and critic: reinforcement learning in small.

The usual equations of the cart-pole; 16 carts a member, a step is one update from 32 time steps of
all of them. A network of 4-32-3 (two actions and a value), advantages by discounted returns over
the rollout, RMS-scaled steps. Ranked by the mean length of the last 32 episodes, which is noisy,
and tested on 64 fresh episodes.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, final

import numpy as np

from benchmarks.comparison.problems.base import Array, Bound, Job, Problem, column, in_groups
from pbtune import tune

CARTS, ROLLOUT, EPISODE_MAX = 16, 32, 500
FEATURES, HIDDEN, ACTIONS = 4, 32, 2
SHAPES = {
    "w1": (FEATURES, HIDDEN),
    "b1": (HIDDEN,),
    "w2": (HIDDEN, ACTIONS + 1),
    "b2": (ACTIONS + 1,),
}
LAST_COUNT, TEST_COUNT = 32, 64
GRAVITY, CART, POLE, HALF, FORCE, TAU = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
X_MAX, ANGLE_MAX, START = 2.4, 12 * np.pi / 180, 0.05
SCALE_KEEP, SCALE_LEAST, VALUE_WEIGHT = 0.99, 1e-5, 0.5
Net = dict[str, Array]


@final
class CartPole(Problem):
    name = "B6"
    title = "a cart and a pole"
    total = 60
    population = 8
    intervals = (2, 4, 10)
    main_interval = 4
    space: ClassVar = {
        "lr": tune.loguniform(1e-4, 1e-1),
        "entropy": tune.loguniform(1e-4, 1e-1),
        "one_minus_gamma": tune.loguniform(0.003, 0.3),
    }
    decays = ("lr",)

    def begin(self, index: int) -> Any:
        rng = np.random.default_rng([6, self.seed, index])
        net = {
            name: rng.standard_normal(shape) / np.sqrt(shape[0])
            if len(shape) > 1
            else np.zeros(shape)
            for name, shape in SHAPES.items()
        }
        net["w2"] = net["w2"] * 0.1
        squares = {f"s_{name}": np.ones(shape) for name, shape in SHAPES.items()}
        carts = rng.uniform(-START, START, (CARTS, FEATURES))
        lengths = np.zeros(LAST_COUNT)
        return {**net, **squares, "carts": carts, "ages": np.zeros(CARTS), "lengths": lengths}

    def train(self, jobs: Sequence[Job]) -> list[Any]:
        return in_groups(jobs, _trained)

    def score(self, state: Any) -> float:
        return float(state["lengths"].mean())

    def test(self, state: Any) -> float:
        net = {name: state[name][None] for name in SHAPES}
        rng = np.random.default_rng([66, self.seed])
        carts = rng.uniform(-START, START, (1, TEST_COUNT, FEATURES))
        alive, lengths = np.ones((1, TEST_COUNT), bool), np.zeros((1, TEST_COUNT))
        for _ in range(EPISODE_MAX):
            logits = _forward(net, carts)[1][..., :ACTIONS]
            carts = moved(carts, logits.argmax(axis=-1))
            alive &= ~fallen(carts)
            lengths += alive
            if not alive.any():
                break
        return float(lengths.mean())

    @classmethod
    def bounds(cls, seeds: Sequence[int]) -> list[Bound]:
        del seeds
        return [Bound("the longest episode", float(EPISODE_MAX))]


def moved(carts: Array, actions: Array) -> Array:
    """The carts after 20 ms under a push to the left (0) or right (1)."""
    x, speed, angle, turn = np.moveaxis(carts, -1, 0)
    force = np.where(actions == 1, FORCE, -FORCE)
    sine, cosine = np.sin(angle), np.cos(angle)
    pushed = (force + POLE * HALF * turn**2 * sine) / (CART + POLE)
    inertia = HALF * (4.0 / 3.0 - POLE * cosine**2 / (CART + POLE))
    turning = (GRAVITY * sine - cosine * pushed) / inertia
    rushing = pushed - POLE * HALF * turning * cosine / (CART + POLE)
    new = [x + TAU * speed, speed + TAU * rushing, angle + TAU * turn, turn + TAU * turning]
    return np.stack(new, axis=-1)


def fallen(carts: Array) -> Array:
    """Whether an episode is over."""
    return (np.abs(carts[..., 0]) > X_MAX) | (np.abs(carts[..., 2]) > ANGLE_MAX)


def _forward(net: Net, carts: Array) -> tuple[Array, Array]:
    hidden = np.tanh(carts @ net["w1"] + net["b1"][:, None])
    return hidden, hidden @ net["w2"] + net["b2"][:, None]


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _trained(jobs: list[Job], start: int, end: int) -> Sequence[Any]:
    state: Net = {name: np.stack([job.state[name] for job in jobs]) for name in jobs[0].state}
    streams = [np.random.default_rng([60, *job.stream]) for job in jobs]
    gammas = 1 - column(jobs, "one_minus_gamma")[:, None]
    settings = (column(jobs, "lr"), column(jobs, "entropy"))
    for _ in range(start, end):
        rollout = _rolled(state, streams)
        _learned(state, rollout, gammas, settings)
    return [{name: array[at] for name, array in state.items()} for at in range(len(jobs))]


def _rolled(state: Net, streams: list[np.random.Generator]) -> tuple[Array, Array, Array]:
    """A rollout of all carts: where they were, what they did, and whether they fell."""
    # One draw a member for all of it, so that a member's numbers don't depend on the others.
    draws = np.stack([rng.random((ROLLOUT, CARTS)) for rng in streams], axis=1)
    starts = np.stack([rng.uniform(-START, START, (CARTS, FEATURES)) for rng in streams])
    seen, acts, falls = [], [], []
    for draw in draws:
        seen.append(state["carts"])
        chances = _softmax(_forward(state, state["carts"])[1][..., :ACTIONS])
        action = (draw > chances[..., 0]).astype(int)
        carts, ages = moved(state["carts"], action), state["ages"] + 1
        fell = fallen(carts) | (ages >= EPISODE_MAX)
        for member, cart in np.argwhere(fell):
            lengths = state["lengths"][member]
            lengths[:-1] = lengths[1:].copy()
            lengths[-1] = ages[member, cart]
        state["carts"] = np.where(fell[..., None], starts, carts)
        state["ages"] = np.where(fell, 0, ages)
        acts.append(action)
        falls.append(fell)
    return np.stack(seen), np.stack(acts), np.stack(falls)


def _learned(
    state: Net,
    rollout: tuple[Array, Array, Array],
    gammas: Array,
    settings: tuple[Array, Array],
) -> None:
    """One update of all members, in place."""
    seen, acts, falls = rollout
    steps, members, carts = acts.shape
    returns = np.empty(acts.shape)
    after = _forward(state, state["carts"])[1][..., ACTIONS]
    for step in range(steps - 1, -1, -1):
        after = 1 + gammas * np.where(falls[step], 0.0, after)
        returns[step] = after
    x = seen.transpose(1, 0, 2, 3).reshape(members, steps * carts, FEATURES)
    flat = acts.transpose(1, 0, 2).reshape(members, -1)
    goals = returns.transpose(1, 0, 2).reshape(members, -1)
    hidden, out = _forward(state, x)
    gains = goals - out[..., ACTIONS]
    spread = gains.std(axis=1, keepdims=True) + SCALE_LEAST
    chances = _softmax(out[..., :ACTIONS])
    taken = np.eye(ACTIONS)[flat]
    logs = np.log(chances + 1e-12)
    entropy = -(chances * logs).sum(axis=-1, keepdims=True)
    back = np.empty_like(out)
    back[..., :ACTIONS] = (gains / spread)[..., None] * (chances - taken)
    back[..., :ACTIONS] += settings[1][:, None, None] * chances * (logs + entropy)
    back[..., ACTIONS] = -VALUE_WEIGHT * gains / spread
    back /= x.shape[1]
    back_hidden = (back @ state["w2"].transpose(0, 2, 1)) * (1 - hidden**2)
    slopes = {
        "w1": x.transpose(0, 2, 1) @ back_hidden,
        "b1": back_hidden.sum(axis=1),
        "w2": hidden.transpose(0, 2, 1) @ back,
        "b2": back.sum(axis=1),
    }
    for name, slope in slopes.items():
        squares = state[f"s_{name}"]
        squares *= SCALE_KEEP
        squares += (1 - SCALE_KEEP) * slope**2
        rate = settings[0].reshape((-1,) + (1,) * (slope.ndim - 1))
        state[name] -= rate * slope / (np.sqrt(squares) + SCALE_LEAST)
