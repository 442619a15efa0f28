"""What a trial asks for, what the machine has, and how many slots that makes.

    with_resources(train, {"cpu": 2, "gpu": 0.5}) ─► request ─► slots(machine, request)

A slot is one worker process. Resources are bookkeeping: they bound how many trials run at once, say
which GPUs a worker sees, and how many threads its libraries start; nothing measures their use.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast, final

import msgspec

from pbtune.core.sampling import variants
from pbtune.core.settings import Settings
from pbtune.core.values import resolved
from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.places import elsewhere
from pbtune.tune.trainable import Trainable, overrides

Request = dict[str, float]
"""Amounts by resource, without those that are 0: {"CPU": 2.0, "GPU": 0.5}."""
ONE_CPU: Final[Mapping[str, float]] = {"CPU": 1.0}
"""What a trial gets that asks for nothing."""
SLOTS_MAX: Final = 64
"""Slots of trials that ask for nothing which runs out: processes are not free either."""
VISIBLE_GPUS: Final = "CUDA_VISIBLE_DEVICES"
_SPELLINGS: Final = {"cpu": "CPU", "gpu": "GPU"}
_ROUNDING: Final = 1e-9
_ATTRIBUTE: Final = "_pbtune_resources"

AnyTrainable = TypeVar("AnyTrainable", bound=Callable[..., Any])


@final
class PlacementGroupFactory:
    """What a trial asks for, as Ray spells it: a list of bundles.

    Args:
        bundles: ``[{"CPU": 2, "GPU": 0.5}]``. The first is the trial's own; further ones are for
            actors and tasks that its code starts, on the Ray executor alone.
        strategy: "PACK", "SPREAD" and their strict kin; one bundle leaves nothing to choose.

    Raises:
        SettingsError: If there is no bundle, or an amount can't be.
    """

    def __init__(
        self,
        bundles: Sequence[Mapping[str, float]],
        strategy: str = "PACK",
        *_: object,
        **__: object,
    ) -> None:
        if not bundles:
            message = "PlacementGroupFactory needs a bundle, such as [{'CPU': 1}]"
            raise SettingsError(message)
        asked = [bundle for bundle in map(normalised, bundles) if bundle]
        self.head_bundle_is_empty = not normalised(bundles[0])
        self.bundles: list[Request] = asked or [{}]
        self.strategy = strategy

    @property
    def required_resources(self) -> Request:
        """The amounts of all bundles together."""
        total: Request = {}
        for bundle in self.bundles:
            for name, amount in bundle.items():
                total[name] = total.get(name, 0.0) + amount
        return total

    @property
    def head_cpus(self) -> float:
        """The CPUs of the first bundle."""
        return self.bundles[0].get("CPU", 0.0)

    def __repr__(self) -> str:
        """As the call that makes it."""
        return f"PlacementGroupFactory({self.bundles!r}, strategy={self.strategy!r})"

    def __eq__(self, other: object) -> bool:
        """By what is asked for."""
        return isinstance(other, PlacementGroupFactory) and self.bundles == other.bundles

    def __hash__(self) -> int:
        """Of what is asked for."""
        return hash(tuple(sorted(self.required_resources.items())))


Resources = Mapping[str, float] | PlacementGroupFactory
Asked = Resources | Callable[[dict[str, Any]], Resources]


def with_resources(trainable: AnyTrainable, resources: Asked) -> AnyTrainable:
    """Say what one trial needs; how many trials run at once follows from it.

    Args:
        trainable: A function or a class.
        resources: {"cpu": 2, "gpu": 0.5, "licence": 1}, or a PlacementGroupFactory, or a function
            of a trial's config that gives one of them; all slots are of the largest request then.
            A dict without "cpu" asks for no CPU; a trial that asks for nothing at all gets one.

    Returns:
        The same training, with its request; the one that was given is left as it was.

    Raises:
        SettingsError: If it is something else, or an amount can't be.
    """
    if not callable(resources) and not isinstance(resources, PlacementGroupFactory):
        resources = request_of(resources)
    if isinstance(trainable, type):
        name = trainable.__name__
        kept = {key: getattr(trainable, key) for key in ("__qualname__", "__doc__", "__module__")}
        return cast("AnyTrainable", type(name, (trainable,), {**kept, _ATTRIBUTE: [resources]}))
    if not callable(trainable):
        message = f"with_resources() takes a function or a class, not {trainable!r}"
        raise SettingsError(message)
    asking = partial(trainable)
    for key in ("__name__", "__qualname__", "__doc__", "__module__"):
        if hasattr(trainable, key):
            setattr(asking, key, getattr(trainable, key))
    setattr(asking, _ATTRIBUTE, [resources])
    return cast("AnyTrainable", asking)


def resource_dict_to_pg_factory(spec: Mapping[str, float] | None = None) -> PlacementGroupFactory:
    """A dict of amounts as one bundle; one CPU if there is none."""
    return PlacementGroupFactory([dict(ONE_CPU) if spec is None else spec])


def normalised(amounts: Mapping[str, float]) -> Request:
    """A dict of amounts under Ray's names, without zeros.

    Raises:
        SettingsError: If an amount is negative or no number, or more than a GPU and not whole.
    """
    own = amounts.get("custom_resources")
    flat = {**amounts, **own} if isinstance(own, Mapping) else dict(amounts)
    flat.pop("custom_resources", None)
    request: Request = {}
    for name, amount in flat.items():
        key = _SPELLINGS.get(name, name)
        is_number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        if not is_number or not 0 <= amount < float("inf"):
            message = f"resources[{name!r}] must be a number >= 0, not {amount!r}"
            raise SettingsError(message)
        if key == "GPU" and amount > 1 and amount != int(amount):
            message = f"resources[{name!r}] must be at most 1, or whole: not {amount!r}"
            raise SettingsError(message)
        if amount:
            request[key] = float(amount)
    return request


def request_of(resources: object) -> Request:
    """A request in whatever form it was given.

    Raises:
        SettingsError: If it is of no such form.
    """
    if isinstance(resources, PlacementGroupFactory):
        return resources.required_resources
    if isinstance(resources, Mapping):
        return normalised(cast("Mapping[str, float]", resources))
    message = (
        f"resources must be a dict like {{'cpu': 2}}, a PlacementGroupFactory, or a function of the"
        f" config that gives one, not {resources!r}"
    )
    raise SettingsError(message)


def asked_by(trainable: object) -> Asked | None:
    """What a training asks for: by ``with_resources``, or its class's own method; else None."""
    while trainable is not None:
        held = getattr(trainable, _ATTRIBUTE, None)
        if held is not None:
            return cast("Asked", held[0])
        if isinstance(trainable, type) and issubclass(trainable, Trainable):
            has_own = overrides(trainable, "default_resource_request")
            return cast("Asked", trainable.default_resource_request) if has_own else None
        trainable = getattr(trainable, "func", None)
    return None


def largest_request(trainable: object, configs: Iterable[dict[str, Any]]) -> Request:
    """What a slot must have to suit every one of these configs.

    Raises:
        SettingsError: If the training's own function asks for what can't be.
    """
    asked = asked_by(trainable)
    if asked is None:
        return dict(ONE_CPU)
    if not callable(asked):
        return request_of(asked)
    largest: Request = {}
    for config in configs:
        answer = asked(config)
        request = dict(ONE_CPU) if answer is None else request_of(answer)
        for name, amount in request.items():
            largest[name] = max(largest.get(name, 0.0), amount)
    return largest


def bundles_of(trainable: object) -> PlacementGroupFactory | None:
    """The several bundles that a training asks for; None if it is one."""
    asked = asked_by(trainable)
    if isinstance(asked, PlacementGroupFactory) and len(asked.bundles) > 1:
        return asked
    return None


class Supply(msgspec.Struct, frozen=True):
    """What the machine has: amounts by resource, and the names of its GPUs."""

    amounts: dict[str, float]
    gpus: tuple[str, ...] = ()


def visible_gpus(
    count: float | None = None, listed: Path = Path("/proc/driver/nvidia/gpus")
) -> tuple[str, ...]:
    """The GPUs that this process may use.

    Args:
        count: How many, if ``pbtune.init`` said so.
        listed: Where NVIDIA's driver lists those of the machine.

    Returns:
        Their names, from ``CUDA_VISIBLE_DEVICES`` if it is set, else their numbers.

    Raises:
        SettingsError: If ``CUDA_VISIBLE_DEVICES`` names fewer than ``count``.
    """
    given = os.environ.get(VISIBLE_GPUS)
    if given is None:
        if count is not None:
            return tuple(str(index) for index in range(int(count)))
        try:
            return tuple(str(index) for index, _ in enumerate(listed.iterdir()))
        except OSError:
            return ()
    names = tuple(name for name in map(str.strip, given.split(",")) if name and name != "-1")
    if count is None:
        return names
    if len(names) < count:
        message = (
            f"pbtune.init(num_gpus={count:g}), but {VISIBLE_GPUS}={given!r} shows {len(names)}:"
            f" name as many there, or leave num_gpus out"
        )
        raise SettingsError(message)
    return names[: int(count)]


def slot_count(supply: Supply, request: Mapping[str, float]) -> int:
    """How many trials can run at once.

    Raises:
        SettingsError: If not even one can: it says what is missing and how to say otherwise.
    """
    counts: list[int] = []
    for name, amount in request.items():
        has = supply.amounts.get(name, 0.0)
        count = _gpu_slots(has, amount) if name == "GPU" else int(has / amount + _ROUNDING)
        if count == 0:
            raise SettingsError(_too_little(name, amount, has))
        counts.append(count)
    return min(counts, default=SLOTS_MAX)


def _gpu_slots(has: float, amount: float) -> int:
    """Trials that fit: several on each GPU, or several GPUs for each, but none across a border."""
    return int(has // amount) if amount > 1 else int(has) * int(1 / amount + _ROUNDING)


def _too_little(name: str, amount: float, has: float) -> str:
    saying = {
        "CPU": f"pbtune.init(num_cpus={amount:g})",
        "GPU": f"pbtune.init(num_gpus={amount:g}) or CUDA_VISIBLE_DEVICES",
    }.get(name, f"pbtune.init(resources={{{name!r}: {amount:g}}})")
    return (
        f"a trial asks for {name}={amount:g}, and this machine has {has:g}: no trial could ever"
        f" start. Ask for less, or say that there is more: {saying}."
    )


def environments(
    supply: Supply, request: Mapping[str, float], slots: int
) -> tuple[dict[str, str], ...]:
    """What is set in the environment of each slot's worker: the GPUs that it sees."""
    amount = request.get("GPU", 0.0)
    if not amount:
        return ({},) * slots
    size = max(1, int(amount))
    shares = [
        supply.gpus[first : first + size] for first in range(0, len(supply.gpus) - size + 1, size)
    ]
    # Slots that share GPUs are spread, so that none is idle while another is shared.
    return tuple({VISIBLE_GPUS: ",".join(shares[slot % len(shares)])} for slot in range(slots))


class Slots(msgspec.Struct, frozen=True):
    """How a run's trials share the machine.

    ``request`` is what each slot has, ``count`` how many there are, and ``environments`` what is
    set in their workers, besides that libraries may start ``threads`` threads. ``bundles`` and
    ``strategy`` are the same request for Ray.
    """

    request: dict[str, float]
    count: int
    environments: tuple[dict[str, str], ...]
    threads: int
    bundles: tuple[dict[str, float], ...] = ()
    strategy: str = "PACK"


ONE_SLOT: Final = Slots(dict(ONE_CPU), 1, ({},), 1)


def slots_for(trainable: object, supply: Supply, configs: Iterable[dict[str, Any]]) -> Slots:
    """Slots that suit every member of a population.

    Args:
        trainable: What the user trains, with its request.
        supply: What the machine has.
        configs: The members' first configs; drawn only if the request depends on them.

    Raises:
        SettingsError: If the request can't be met.
    """
    several = bundles_of(trainable)
    if several is not None:
        name = f"a PlacementGroupFactory of {len(several.bundles)} bundles"
        why = (
            "a trial is one process on this machine; several bundles need the Ray executor,"
            ' init(executor="ray"). Ask for the sum in one bundle'
        )
        raise NotInPbtune(name, why)
    request = largest_request(trainable, configs)
    count = slot_count(supply, request)
    seen = environments(supply, request, count)
    return Slots(request, count, seen, threads=max(1, int(request.get("CPU", 0.0))))


def first_configs(settings: Settings, objects: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    """The configs that the members of a population will begin with, as the user sees them."""
    objective = settings.objective
    population = variants(
        settings.param_space,
        settings.num_samples,
        objective.seed,
        objective.user_calls,
        settings.initial,
    )
    for index, variant in enumerate(population):
        config = settings.scheduler.first_config(variant.config, f"t{index}", objective)
        yield cast("dict[str, Any]", resolved(config, objects))


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
