"""``SyncConfig``: accepted, so that scripts run. There is nothing to synchronise."""

from typing import final

from pbtune.tune.settings import AbstractConfig


@final
class SyncConfig(AbstractConfig):
    """How Tune copies files to its storage; pbtune writes them there at once.

    Args:
        sync_period: Accepted.
        sync_timeout: Accepted.
        sync_artifacts: Accepted: a trial's folder is in the run's.
        sync_artifacts_on_checkpoint: Accepted.
    """

    def __init__(
        self,
        sync_period: int = 300,
        sync_timeout: int = 1800,
        sync_artifacts: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
        sync_artifacts_on_checkpoint: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self.sync_period = sync_period
        self.sync_timeout = sync_timeout
        self.sync_artifacts = sync_artifacts
        self.sync_artifacts_on_checkpoint = sync_artifacts_on_checkpoint
