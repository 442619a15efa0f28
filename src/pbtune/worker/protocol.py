"""What a worker and its driver say to each other.

Frames of msgpack, each behind its length. Only the driver sends pickles (the user's function and
configs, to its own workers); nothing that a worker sends can run code in the driver.

    driver ──Begin │ Proceed │ End──────────────────► worker       control: watched by the driver
    driver ◄──────────Asked │ Finished │ Errored │ Unfit── worker
    driver ◄──────────────────────Streamed │ Begun──── worker      stream: read on a tick
"""

import struct
from typing import Final

import msgspec

from pbtune.checkpoints.store import Committed
from pbtune.core.events import Observed
from pbtune.core.lease import Lease
from pbtune.errors import EngineBug

LENGTH: Final = struct.Struct("!I")
LOG_NAME: Final = "output.log"
FRAME_BYTES_MAX: Final = 1 << 28
"""A frame beyond this is a broken stream, not a message."""


class WorkerSettings(msgspec.Struct, frozen=True):
    """What every attempt of a run has in common.

    ``observed`` are the keys sent with a report that the driver folds, ``needed`` those that no
    report may lack, with who needs them; ``mutated`` the '/'-joined paths that explore changes;
    ``log_names`` the files in a trial's folder that its output and its errors go to;
    ``storage_url`` where checkpoints are, if not in ``run_dir``; ``trainable_name`` that of the
    training, which begins a trial's name.
    """

    run_dir: str
    run_name: str
    observed: tuple[str, ...]
    needed: tuple[tuple[str, str], ...] = ()
    mutated: tuple[str, ...] = ()
    durability: str = "process"
    resources: dict[str, float] = {}
    log_names: tuple[str, str] = (LOG_NAME, LOG_NAME)
    storage_url: str = ""
    trainable_name: str = ""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Start an attempt; a worker that is in the user's function leaves it first.

    ``config`` is a pickle. ``step`` and ``time_total_s`` are those of ``checkpoint``.
    """

    trial: str
    attempt: int
    config: bytes
    lease: Lease
    seed: int
    step: int
    time_total_s: float
    checkpoint: str | None
    checkpoint_number: int
    is_copy: bool


class Proceed(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The verdict that lets ``report`` return."""

    attempt: int
    lease: Lease


class End(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Leave the user's function, and wait for what comes next."""

    attempt: int


Order = Begin | Proceed | End


class Streamed(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """A report that need not block. ``observed`` is filled only beside a checkpoint.

    ``host`` comes with the first report of an attempt: (process id, host name, address).
    """

    trial: str
    attempt: int
    step: int
    time_total_s: float
    timestamp: float
    metrics: bytes
    observed: dict[str, Observed] | None = None
    checkpoint: Committed | None = None
    host: tuple[int, str, str] | None = None


class Asked(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """A report that blocks: its worker waits for a verdict.

    ``notices`` are (code, text) of what the worker saw, for the user; ``host`` as in ``Streamed``.
    """

    trial: str
    attempt: int
    step: int
    time_total_s: float
    timestamp: float
    metrics: bytes
    observed: dict[str, Observed]
    checkpoint: Committed | None = None
    notices: tuple[tuple[str, str], ...] = ()
    host: tuple[int, str, str] | None = None


class Finished(msgspec.Struct, frozen=True, array_like=True, tag=13):
    """The user's function returned."""

    trial: str
    attempt: int
    notices: tuple[tuple[str, str], ...] = ()


class Errored(msgspec.Struct, frozen=True, array_like=True, tag=14):
    """The user's function raised. ``fatal``: every trial would."""

    trial: str
    attempt: int
    error: str
    message: str
    traceback: str
    fatal: bool = False


class Unfit(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """This process should run no other attempt: something of the last one is still alive."""

    attempt: int
    reason: str


class Begun(msgspec.Struct, frozen=True, array_like=True, tag=16):
    """The user's function has been left, and what was ordered begins. 0: nothing, it waits."""

    attempt: int


class Died(msgspec.Struct, frozen=True, array_like=True, tag=17):
    """The attempt's process is gone. Made by executors, since the dead don't write.

    ``lost``: with its machine, so that it is no failure of the trial's.
    """

    trial: str
    attempt: int
    message: str
    lost: bool = False


Said = Streamed | Asked | Finished | Errored | Unfit | Begun
Message = Streamed | Asked | Finished | Errored | Died

_encoder = msgspec.msgpack.Encoder()
decode_said: Final = msgspec.msgpack.Decoder(Said).decode
decode_order: Final = msgspec.msgpack.Decoder(Order).decode


def framed(message: msgspec.Struct) -> bytes:
    """The bytes of one message, behind their length."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body


def unframed(buffer: bytearray) -> list[bytes]:
    """Take the whole frames off the front of a buffer; half of one stays in it.

    Raises:
        EngineBug: If a length is beyond ``FRAME_BYTES_MAX``.
    """
    bodies: list[bytes] = []
    at, end = 0, len(buffer)
    while end - at >= LENGTH.size:
        (size,) = LENGTH.unpack_from(buffer, at)
        if size > FRAME_BYTES_MAX:
            message = f"a frame of {size} bytes arrived from a worker"
            raise EngineBug(message)
        if end - at - LENGTH.size < size:
            break
        start = at + LENGTH.size
        bodies.append(bytes(buffer[start : start + size]))
        at = start + size
    if at:
        del buffer[:at]
    return bodies
