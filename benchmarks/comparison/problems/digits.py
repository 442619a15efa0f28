"""B5, a small network on scikit-learn's digits, with 20 % of its training labels wrong.

64-64-10 with ReLU, momentum, weight decay, batches of 16; a step is an epoch. Ranked by the
cross-entropy on a validation set, tested by that on a test set. All members are trained together,
as one array program; they see the same batches, and differ in weights and hyperparameters.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, final

import numpy as np

from benchmarks.comparison.problems.base import Array, Bound, Job, Problem, column, in_groups
from pbtune import tune
from pbtune.tune.schedulers.ipbt import shrink_perturb

TRAIN_COUNT, VALID_COUNT = 1000, 400
PIXELS, HIDDEN, CLASSES = 64, 64, 10
LABEL_NOISE, BATCH, BRIGHTEST = 0.2, 16, 16.0
LOSS_MAX = 100.0
SHAPES = {"w1": (PIXELS, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, CLASSES), "b2": (CLASSES,)}
CONSTANT_COUNT = 64
Net = dict[str, Array]


@cache
def images() -> tuple[Array, Array]:
    """All digits and their labels."""
    from sklearn.datasets import load_digits  # noqa: PLC0415  only this problem needs it

    found: Any = load_digits()
    return (found.data / BRIGHTEST).astype(np.float32), found.target


@final
class Digits(Problem):
    name = "B5"
    title = "a network on digits"
    mode = "min"
    total = 40
    intervals = (1, 4, 8)
    main_interval = 4
    space: ClassVar = {
        "lr": tune.loguniform(1e-3, 1.0),
        "decay": tune.loguniform(1e-6, 1e-1),
        "one_minus_momentum": tune.loguniform(0.01, 0.7),
    }
    decays = ("lr",)
    has_restarts = True

    def __init__(self, seed: int, stream: int | None = None) -> None:
        super().__init__(seed, stream)
        x, labels = images()
        rng = np.random.default_rng([5, seed])
        order = rng.permutation(len(x))
        cuts = [TRAIN_COUNT, TRAIN_COUNT + VALID_COUNT]
        train, valid, test = np.split(order, cuts)
        wrong = rng.random(TRAIN_COUNT) < LABEL_NOISE
        noisy = np.where(wrong, rng.integers(0, CLASSES, TRAIN_COUNT), labels[train])
        self._train = (x[train], np.eye(CLASSES, dtype=np.float32)[noisy])
        self._valid = (x[valid], labels[valid])
        self._test = (x[test], labels[test])

    def begin(self, index: int) -> Any:
        return {**_fresh((self.seed, index)), **_still(), "restarts": 0}

    def train(self, jobs: Sequence[Job]) -> list[Any]:
        return in_groups([self._restarted(job) for job in jobs], self._trained)

    def score(self, state: Any) -> float:
        return _loss(state, *self._valid)

    def test(self, state: Any) -> float:
        return _loss(state, *self._test)

    def _restarted(self, job: Job) -> Job:
        count = int(job.config.get("restarts", 0))
        if count <= job.state["restarts"]:
            return job
        fresh = _fresh((*job.stream, count))
        mixed = shrink_perturb({name: job.state[name] for name in SHAPES}, fresh)
        state = {**mixed, **_still(), "restarts": count}
        return Job(state, job.config, job.start, job.end, job.stream)

    def _trained(self, jobs: list[Job], start: int, end: int) -> Sequence[Any]:
        nets = {
            name: np.stack([job.state[name] for job in jobs])
            for name in [*SHAPES, *(f"v_{name}" for name in SHAPES)]
        }
        rates = column(jobs, "lr").astype(np.float32)
        keeps = 1 - column(jobs, "one_minus_momentum").astype(np.float32)
        decays = column(jobs, "decay").astype(np.float32)
        x, y = self._train
        # What diverges becomes NaN, which ranks last; its warnings say nothing more.
        with np.errstate(all="ignore"):
            for epoch in range(start, end):
                order = np.random.default_rng([50, self.stream, epoch]).permutation(TRAIN_COUNT)
                for at in range(0, TRAIN_COUNT - BATCH + 1, BATCH):
                    batch = order[at : at + BATCH]
                    _step(nets, (x[batch], y[batch]), (rates, keeps, decays))
        return [
            {**{name: array[at] for name, array in nets.items()}, "restarts": job.state["restarts"]}
            for at, job in enumerate(jobs)
        ]

    @classmethod
    def bounds(cls, seeds: Sequence[int]) -> list[Bound]:
        """The best of many constant configs on each seed, by validation, tested."""
        found: list[float] = []
        for seed in seeds:
            problem = cls(seed)
            rng = np.random.default_rng([55, seed])
            jobs = [
                Job(problem.begin(at), _drawn(rng), 0, cls.total, (seed, at))
                for at in range(CONSTANT_COUNT)
            ]
            states = problem.train(jobs)
            best = min(states, key=lambda state: np.nan_to_num(problem.score(state), nan=np.inf))
            found.append(problem.test(best))
        return [Bound(f"best of {CONSTANT_COUNT} constants", float(np.mean(found)))]


def _drawn(rng: np.random.Generator) -> dict[str, float]:
    ranges = {"lr": (1e-3, 1.0), "decay": (1e-6, 1e-1), "one_minus_momentum": (0.01, 0.7)}
    return {name: float(np.exp(rng.uniform(*np.log(ends)))) for name, ends in ranges.items()}


def _fresh(address: tuple[int, ...]) -> Net:
    rng = np.random.default_rng([51, *address])
    return {
        name: (rng.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32)
        if len(shape) > 1
        else np.zeros(shape, np.float32)
        for name, shape in SHAPES.items()
    }


def _still() -> Net:
    return {f"v_{name}": np.zeros(shape, np.float32) for name, shape in SHAPES.items()}


def _step(nets: Net, batch: tuple[Array, Array], settings: tuple[Array, Array, Array]) -> None:
    """One batch for all members, in place."""
    x, y = batch
    hidden = np.maximum(x @ nets["w1"] + nets["b1"][:, None], 0)
    logits = hidden @ nets["w2"] + nets["b2"][:, None]
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    back = (powers / powers.sum(axis=2, keepdims=True) - y) / len(x)
    back_hidden = (back @ nets["w2"].transpose(0, 2, 1)) * (hidden > 0)
    slopes = {
        "w1": x.T @ back_hidden,
        "b1": back_hidden.sum(axis=1),
        "w2": hidden.transpose(0, 2, 1) @ back,
        "b2": back.sum(axis=1),
    }
    for name, slope in slopes.items():
        shape = (-1,) + (1,) * (slope.ndim - 1)
        rate, keep, decay = (it.reshape(shape) for it in settings)
        speed, weights = nets[f"v_{name}"], nets[name]
        speed *= keep
        speed += slope + decay * weights
        weights -= rate * speed


def _loss(net: Mapping[str, Array], x: Array, labels: Array) -> float:
    """The cross-entropy; NaN if the weights are no numbers, and at most 100."""
    with np.errstate(all="ignore"):
        logits = np.maximum(x @ net["w1"] + net["b1"], 0) @ net["w2"] + net["b2"]
        logits = logits - logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(x)), labels]
        return float(min(losses.mean(), LOSS_MAX)) if np.isfinite(losses).all() else float("nan")
