"""``ScalingConfig``: what a trial asks for, as Ray AIR spells it."""

from collections.abc import Mapping
from typing import final

from pbtune.errors import SettingsError
from pbtune.tune.resources import ONE_CPU, PlacementGroupFactory, normalised
from pbtune.tune.settings import AbstractConfig


@final
class ScalingConfig(AbstractConfig):
    """The resources of a trial and of its workers; ``with_resources`` takes it.

    Args:
        trainer_resources: What the trial's own process asks for; nothing beside workers, else one
            CPU.
        num_workers: Further processes; each is a bundle of its own, and needs the Ray executor.
        use_gpu: Whether each worker asks for a GPU.
        resources_per_worker: What each worker asks for; one CPU, and a GPU if ``use_gpu``.
        placement_strategy: As PlacementGroupFactory's.
        accelerator_type: Accepted.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(
        self,
        trainer_resources: Mapping[str, float] | None = None,
        num_workers: int | None = None,
        use_gpu: bool = False,  # noqa: FBT001, FBT002
        resources_per_worker: Mapping[str, float] | None = None,
        placement_strategy: str = "PACK",
        accelerator_type: str | None = None,
    ) -> None:
        if num_workers is not None and num_workers < 0:
            message = f"num_workers must be None or >= 0, not {num_workers!r}"
            raise SettingsError(message)
        self.trainer_resources = trainer_resources
        self.num_workers = num_workers
        self.use_gpu = use_gpu
        self.resources_per_worker = resources_per_worker
        self.placement_strategy = placement_strategy
        self.accelerator_type = accelerator_type

    @property
    def num_cpus_per_worker(self) -> float:
        """The CPUs of one worker."""
        return self._worker().get("CPU", 0.0)

    @property
    def num_gpus_per_worker(self) -> float:
        """The GPUs of one worker."""
        return self._worker().get("GPU", 0.0)

    @property
    def total_resources(self) -> dict[str, float]:
        """The amounts of the trial and all of its workers."""
        return self.as_placement_group_factory().required_resources

    def as_placement_group_factory(self) -> PlacementGroupFactory:
        """The same as bundles: the trial's own, and one a worker; one worker is the trial."""
        own = normalised(self.trainer_resources or {})
        if not self.num_workers:
            return PlacementGroupFactory([own or dict(ONE_CPU)], self.placement_strategy)
        head = self._worker()
        for name, amount in own.items():
            head[name] = head.get(name, 0.0) + amount
        rest = [self._worker() for _ in range(self.num_workers - 1)]
        return PlacementGroupFactory([head, *rest], self.placement_strategy)

    def _worker(self) -> dict[str, float]:
        if self.resources_per_worker is not None:
            asked = normalised(self.resources_per_worker)
            return asked if not self.use_gpu or "GPU" in asked else {**asked, "GPU": 1.0}
        return {"GPU": 1.0, **ONE_CPU} if self.use_gpu else dict(ONE_CPU)
