"""What a seed expands to: the run, its members, and what goes wrong. All of it can be printed."""

import random
from typing import Final

import msgspec

from pbtune.core.events import Reconfigured
from pbtune.core.explore import ExploreSettings
from pbtune.core.objective import Objective
from pbtune.core.pacing import Growth
from pbtune.core.retention import Retention
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.selection import (
    AbstractSelection,
    BinaryTournament,
    GapThreshold,
    Truncation,
    TTest,
)
from pbtune.core.settings import Settings
from pbtune.core.space import choice, uniform
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Config
from pbtune.driver.user_calls import SeededCalls

NEVER: Final = 0
WHEN_DUE: Final = -1
SELECTIONS: Final[dict[str, AbstractSelection]] = {
    "truncation": Truncation(),
    "tournament": BinaryTournament(),
    "t-test": TTest(window=3, alpha=0.5),
    "gap": GapThreshold(),
}


class Options(msgspec.Struct, frozen=True):
    """One simulated run.

    The run: ``end`` says how a training ends at ``end_step``; ``rhythm`` saves at each so many
    reports, ``WHEN_DUE`` when the lease says so, ``NEVER`` not at all. ``digit_count`` rounds
    scores, so that there are ties; shares are in [0, 1].

    What goes wrong until ``faults_until_s``: rates are chances per report (``death``, ``hang``,
    ``poison``), per batch (``lie``), or per commit (``full``, ``broken``, ``damage``).
    ``crashes`` are the operations that each driver lives to do before it dies;
    ``interrupts`` are times at which one is asked to stop.
    """

    seed: int
    scheduler: str = "pbt"
    population: int = 4
    slots: int = 2
    end: str = "stop"
    end_step: int = 8
    interval: float = 2.0
    burn_in: float = 0.0
    quantile: float = 0.25
    resample: float = 0.25
    attr: str = "training_iteration"
    mode: str = "max"
    selection: str = "truncation"
    backtrack: bool = False
    patience: int | None = None
    has_user_code: bool = False
    rhythm: int = 1
    keep: int | None = None
    keep_by: str | None = None
    digit_count: int = 3
    nan_share: float = 0.0
    max_failures: int = 0
    fail_fast: bool = False
    replace_failed: bool = False
    straggler_timeout_s: float | None = None
    poison: float = 0.0
    death: float = 0.0
    hang: float = 0.0
    lie: float = 0.0
    damage: float = 0.0
    full: float = 0.0
    broken: float = 0.0
    crashes: tuple[int, ...] = ()
    interrupts: tuple[float, ...] = ()
    reopens: bool = False
    extends: bool = False
    faults_until_s: float = 30.0

    @property
    def is_comparable(self) -> bool:
        """Whether the decision log is the same however often the driver and the workers die."""
        return (
            self.scheduler != "pbt"
            and self.attr != "time_total_s"
            and self.straggler_timeout_s is None
            and not self.fail_fast
            and not self.damage
            and not self.reopens
            and not self.extends
            and self._members_can_wait
            and (self.max_failures < 0 or not (self.death or self.hang))
        )

    @property
    def _members_can_wait(self) -> bool:
        """Whether each member has a checkpoint where the gate is, or a slot of its own."""
        if self.scheduler == "fifo" or self.slots >= self.population:
            return True
        return self.rhythm in {WHEN_DUE, 1}

    @property
    def calm(self) -> "Options":
        """The same run with nothing going wrong but in the members' own code."""
        return msgspec.structs.replace(
            self,
            **dict.fromkeys(("death", "hang", "lie", "damage", "full", "broken"), 0.0),
            crashes=(),
            interrupts=(),
        )


def expand(seed: int) -> Options:
    """Everything about one run, drawn from its seed."""
    rng = random.Random(f"options/{seed}")  # noqa: S311  no secret is made here
    population = rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 12))
    options = Options(
        seed=seed,
        scheduler=rng.choice(("pbt", "pbt", "pbt", "sync", "sync", "sync", "fifo")),
        population=population,
        slots=rng.choice((1, 2, 3, 4, 6, population)),
        end=rng.choice(("stop", "stop", "return", "done", "stopper")),
        end_step=rng.randint(2, 10),
        interval=float(rng.choice((1, 2, 2, 3, 4))),
        burn_in=float(rng.choice((0, 0, 3))),
        quantile=rng.choice((0.0, 0.25, 0.25, 0.4, 0.5)),
        resample=rng.choice((0.0, 0.25, 1.0)),
        attr=rng.choice(("training_iteration", "training_iteration", "epoch", "time_total_s")),
        mode=rng.choice(("max", "min")),
        selection=rng.choice(("truncation", "truncation", *SELECTIONS)),
        backtrack=rng.random() < 0.2,  # noqa: PLR2004  a share
        patience=rng.choice((None, None, None, 1, 2)),
        has_user_code=rng.random() < 0.15,  # noqa: PLR2004
        rhythm=rng.choice((1, 1, 2, 3, WHEN_DUE, WHEN_DUE, NEVER)),
        keep=rng.choice((None, 1, 1, 2, 3)),
        keep_by=rng.choice((None, "score")),
        digit_count=rng.choice((0, 1, 6)),
        nan_share=rng.choice((0.0, 0.0, 0.1, 0.6)),
        max_failures=rng.choice((-1, -1, 0, 2)),
        fail_fast=rng.random() < 0.05,  # noqa: PLR2004
        replace_failed=rng.random() < 0.3,  # noqa: PLR2004
        straggler_timeout_s=rng.choice((None, None, None, 3.0)),
    )
    options = _with_faults(options, rng)
    is_wanted = options.scheduler != "pbt" and rng.random() < 0.7  # noqa: PLR2004
    return _comparable(options, rng) if is_wanted else options


def _comparable(options: Options, rng: random.Random) -> Options:
    """The run without what makes its decisions depend on time or on the fate of its workers."""
    has_slots = options.slots >= options.population
    never_fails = options.death > 0 or options.hang > 0
    return msgspec.structs.replace(
        options,
        attr=rng.choice(("training_iteration", "epoch")),
        straggler_timeout_s=None,
        fail_fast=False,
        damage=0.0,
        reopens=False,
        extends=False,
        rhythm=options.rhythm if has_slots else rng.choice((1, WHEN_DUE)),
        max_failures=-1 if never_fails else options.max_failures,
        poison=0.0 if never_fails else options.poison,
    )


def _with_faults(options: Options, rng: random.Random) -> Options:
    """Swarm testing: each kind of fault is off in many runs, so that others get their turn."""

    def rate(*some: float) -> float:
        return rng.choice((0.0, 0.0, *some))

    reopens, extends = rng.random() < 0.1, rng.random() < 0.1  # noqa: PLR2004
    crash_count = rng.choice((0, 1, 1, 2, 3, 5))
    longest = rng.choice((6, 40, 150))
    return msgspec.structs.replace(
        options,
        poison=0.0 if options.max_failures < 0 else rate(0.02, 0.1),
        death=rate(0.02, 0.1),
        hang=rate(0.03),
        lie=rate(0.1, 0.5),
        damage=rate(0.05, 0.2),
        full=rate(0.05, 0.2),
        broken=rate(0.02),
        crashes=tuple(rng.randint(1, longest) for _ in range(crash_count)),
        interrupts=tuple(1000.0 + rng.uniform(0, 20) for _ in range(rng.choice((0, 0, 0, 1, 2)))),
        reopens=reopens,
        extends=extends,
    )


def perturbed_by_hand(config: Config) -> Config:
    """A ``custom_explore_fn`` that uses the global generator, as users' code does."""
    return {**config, "hand": random.random()}  # noqa: S311


def drawn_by_hand() -> float:
    """A mutation that uses the global generator."""
    return random.uniform(0.1, 1.0)  # noqa: S311


def scheduler_of(options: Options) -> AbstractScheduler:
    """The production scheduler that a run is made with."""
    if options.scheduler == "fifo":
        return FIFO()
    is_sync = options.scheduler == "sync"
    mutations: dict[str, object] = {"lr": uniform(0.0, 1.0), "net": {"units": [8, 16, 32]}}
    if options.has_user_code:
        mutations["decay"] = drawn_by_hand
    return PBT(
        mutations=mutations,
        perturbation_interval=options.interval,
        burn_in_period=options.burn_in,
        quantile_fraction=options.quantile,
        exploration=ExploreSettings(
            options.resample,
            custom_explore_fn=perturbed_by_hand if options.has_user_code else None,
        ),
        attr=options.attr,
        selection=SELECTIONS[options.selection],
        growth=None if options.patience is None else Growth(patience=options.patience),
        backtrack=options.backtrack,
        synch=is_sync,
        replace_failed=is_sync and options.replace_failed,
        straggler_timeout_s=options.straggler_timeout_s if is_sync else None,
    )


def settings_of(options: Options, scheduler: AbstractScheduler | None = None) -> Settings:
    """The production settings of a run.

    Args:
        options: The run.
        scheduler: Another scheduler than the options name.
    """
    bounds = (("training_iteration", float(options.end_step)),) if options.end == "stop" else ()
    return Settings(
        objective=Objective(options.seed, SeededCalls(), "score", options.mode),
        scheduler=scheduler or scheduler_of(options),
        param_space={
            "lr": uniform(0.0, 1.0),
            "origin": uniform(0.0, 1.0),
            "net": {"units": choice([8, 16, 32])},
        },
        num_samples=options.population,
        stop=StopRules(bounds, every=options.end == "stopper"),
        retention=Retention(options.keep, options.keep_by, options.mode),
        max_failures=options.max_failures,
        fail_fast=options.fail_fast,
    )


def extended(options: Options) -> tuple[Options, Reconfigured]:
    """The run as a person may let it go on: with more members, that train for longer."""
    more = msgspec.structs.replace(
        options, population=options.population + 1, end_step=options.end_step + 2, extends=False
    )
    text = msgspec.json.encode(more).decode()
    change = ("num_samples", str(options.population), str(more.population))
    return more, Reconfigured((change,), text)
