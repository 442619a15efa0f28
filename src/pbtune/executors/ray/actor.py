"""One Ray actor: a worker that dials back to its driver, and then is as any other.

Ray places it, gives it its resources, and tells of its death. Reports and verdicts go over the
connection, so none of them is a remote call.
"""

import gc
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NoReturn, cast, final

import msgspec

from pbtune.checkpoints.remote_store import open_store
from pbtune.checkpoints.store import AbstractCheckpointStore, LocalStore
from pbtune.executors.ray import library
from pbtune.executors.ray.handshake import Introduction, Place, dial
from pbtune.executors.ray.weights import Parcels
from pbtune.version import __version__
from pbtune.worker.attempt import Runner, error_message
from pbtune.worker.channel import PipeChannel
from pbtune.worker.payload import unpacked
from pbtune.worker.process import STORAGE_THREADS, Job, Surroundings, serve
from pbtune.worker.protocol import Begin, WorkerSettings
from pbtune.worker.uploading import UploadingChannel, uploading

_KILLED_S: Final = 5.0


@final
class SlotActor:
    """What Ray runs in each slot. ``serve`` keeps one of its threads; the others carry weights."""

    def __init__(self) -> None:
        self._parcels = Parcels()
        self._own_dir: Path | None = None

    def serve(self, payload: bytes, place: Place) -> NoReturn:
        """Work for a driver until it is gone.

        Args:
            payload: A ``Job``, packed.
            place: Where the run and its driver are.

        Raises:
            ConnectionError: If the driver can't be reached from this node.
        """
        shares_folder = Path(place.run_dir, place.marker).is_file()
        me = Introduction(
            place.worker,
            "control",
            library.ray().get_runtime_context().get_node_id(),
            os.getpid(),
            __version__,
            shares_folder,
        )
        channel = PipeChannel(*dial(place, me), _leave)
        surroundings = Surroundings(is_alone=False)
        try:
            # A bytearray, so that the arrays in it can be written to.
            job = cast("Job", unpacked(bytearray(payload)))
        # The process boundary of user code: importing its modules may raise anything.
        except BaseException as error:  # noqa: BLE001
            while True:
                order = channel.next_order()
                if isinstance(order, Begin):
                    channel.tell(error_message(order, error))
        settings, store = self._settled(job.settings, shares_folder=shares_folder)
        if settings.storage_url:
            surroundings.ignored += STORAGE_THREADS
        talking = uploading(channel, store)
        runner = Runner(settings, job.trainable, job.objects, talking, store)
        gc.collect()
        gc.freeze()

        def prepare(begin: Begin) -> None:
            self._parcels.unpack(begin.checkpoint)
            if self._own_dir is not None and isinstance(talking, UploadingChannel):
                talking.settle()
                talking.store.keep_only(begin.checkpoint)

        serve(talking, runner, surroundings, settings, prepare)

    def _settled(
        self, settings: WorkerSettings, *, shares_folder: bool
    ) -> tuple[WorkerSettings, AbstractCheckpointStore]:
        """The settings and the store as they are on this node."""
        if shares_folder:
            run_dir, url = Path(settings.run_dir), settings.storage_url
            return settings, open_store(run_dir, settings.durability, url)
        self._own_dir = Path(tempfile.mkdtemp(prefix=f"pbtune-{settings.run_name}-"))
        settings = msgspec.structs.replace(settings, run_dir=str(self._own_dir))
        if settings.storage_url:
            return settings, open_store(self._own_dir, settings.durability, settings.storage_url)
        return settings, self._parcels.store(LocalStore(self._own_dir))

    def bring(self, name: str, parcel: bytes) -> None:
        """Take a checkpoint that an order needs."""
        self._parcels.bring(name, parcel)

    def parcel(self, name: str) -> list[Any]:
        """A reference to what was committed under this name; each is given once."""
        return [self._parcels.taken(name)]

    def leave(self) -> None:
        """Delete what this actor keeps on its node."""
        if self._own_dir is not None:
            shutil.rmtree(self._own_dir, ignore_errors=True)


def _leave() -> NoReturn:
    """The driver has let go: Ray is about to end this process, and reports one that ends itself."""
    time.sleep(_KILLED_S)
    os._exit(0)
