"""How an actor and its driver meet: the actor dials, and each proves that it knows the run's key.

    driver ◄──────────── connection ──────────── actor       the key came by Ray, to the actor alone
           ──Challenge(nonce)──────────────────►
           ◄─Hello(who, its own nonce, proof)───             on one machine with the stream's pipe
           ──Welcome(proof)────────────────────►

Orders carry pickles, so the actor asks for a proof too. What follows is not encrypted, as Ray's own
traffic isn't unless it is told to.
"""

import array
import contextlib
import fcntl
import hmac
import os
import secrets
import socket
from typing import Final, Literal, TypeVar

import msgspec

from pbtune.worker.protocol import LENGTH, framed

NONCE_BYTES: Final = 32
DIAL_S: Final = 10.0
"""How long a connection, and each answer in the handshake, may take."""
PIPE_BYTES: Final = 1 << 20
_F_SETPIPE_SZ: Final = 1031
_FRAME_BYTES_MAX: Final = 1 << 16
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 6))
_FDS_MAX: Final = 4

Role = Literal["both", "control", "stream"]


class Place(msgspec.Struct, frozen=True):
    """Where an actor finds its run and its driver.

    ``marker`` is a file in the run's folder that only this run wrote. ``socket_path`` and
    ``addresses`` (host, port) are where the driver listens, ``key`` what proves who belongs to it.
    """

    run_dir: str
    marker: str
    socket_path: str
    addresses: tuple[tuple[str, int], ...]
    key: bytes
    worker: int


class Introduction(msgspec.Struct, frozen=True):
    """Who dials: which actor, where it is, and what it runs. Ray itself compares Pythons.

    ``role``: what this connection is for; a pipe comes with one that is for "both".
    """

    worker: int
    role: Role
    node: str
    pid: int
    pbtune: str
    shares_folder: bool
    nonce: bytes = b""


class Challenge(msgspec.Struct, frozen=True):
    """What the driver says first."""

    nonce: bytes


class Hello(msgspec.Struct, frozen=True):
    """An encoded introduction, and the proof that it comes from one of the run's actors."""

    introduction: bytes
    proof: bytes


class Welcome(msgspec.Struct, frozen=True):
    """The proof that this is the run's driver."""

    proof: bytes


class Refused(ConnectionError):
    """The other side couldn't prove who it is, or spoke another language."""


_T = TypeVar("_T")


def proof_of(key: bytes, side: bytes, *parts: bytes) -> bytes:
    """What only one who knows the key can say about these parts."""
    return hmac.digest(key, side + b"".join(parts), "sha256")


def _exactly(sock: socket.socket, count: int, fds: list[int] | None) -> bytes:
    """So many bytes and no more: what comes behind a handshake is not part of it."""
    buffer = b""
    while len(buffer) < count:
        if fds is None:
            data = sock.recv(count - len(buffer))
        else:
            data, found, _, _ = socket.recv_fds(sock, count - len(buffer), _FDS_MAX)
            fds += found
        if not data:
            what = "the handshake ended early"
            raise Refused(what)
        buffer += data
    return buffer


def _received(sock: socket.socket, kind: type[_T], fds: list[int] | None = None) -> _T:
    (size,) = LENGTH.unpack(_exactly(sock, LENGTH.size, fds))
    what = "something else came instead of a handshake"
    if size > _FRAME_BYTES_MAX:
        raise Refused(what)
    try:
        return msgspec.msgpack.decode(_exactly(sock, size, fds), type=kind)
    except msgspec.MsgspecError as error:
        raise Refused(what) from error


def met(sock: socket.socket, key: bytes, fds: list[int]) -> Introduction:
    """The driver's side.

    Args:
        sock: A connection that has a time-out.
        key: The run's.
        fds: Descriptors that came with the connection are added here.

    Raises:
        Refused: If whoever dialled doesn't know the key.
        OSError: If the connection ends or is too slow.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    sock.sendall(framed(Challenge(nonce)))
    is_here = sock.family == socket.AF_UNIX
    hello = _received(sock, Hello, fds if is_here else None)
    proof = proof_of(key, b"actor", nonce, hello.introduction)
    if not hmac.compare_digest(proof, hello.proof):
        what = "somebody dialled who doesn't know the run's key"
        raise Refused(what)
    try:
        introduction = msgspec.msgpack.decode(hello.introduction, type=Introduction)
    except msgspec.MsgspecError as error:
        what = "an actor of another pbtune introduced itself"
        raise Refused(what) from error
    sock.sendall(framed(Welcome(proof_of(key, b"driver", introduction.nonce, nonce))))
    return introduction


def meet(sock: socket.socket, key: bytes, me: Introduction, fds: tuple[int, ...] = ()) -> None:
    """The actor's side.

    Raises:
        Refused: If it is another program that listens there.
        OSError: If the connection ends or is too slow.
    """
    nonce = _received(sock, Challenge).nonce
    own = secrets.token_bytes(NONCE_BYTES)
    body = msgspec.msgpack.encode(msgspec.structs.replace(me, nonce=own))
    frame = framed(Hello(body, proof_of(key, b"actor", nonce, body)))
    if fds:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        sent = sock.sendmsg([frame], ancillary)
        frame = frame[sent:]
    sock.sendall(frame)
    welcome = _received(sock, Welcome)
    if not hmac.compare_digest(proof_of(key, b"driver", own, nonce), welcome.proof):
        what = "the driver's address is another program's"
        raise Refused(what)


def dial(place: Place, me: Introduction) -> tuple[socket.socket, int]:
    """Connect to the driver: on its machine by a socket in a folder, else over the network.

    Returns:
        The control socket, and a descriptor to stream into.

    Raises:
        ConnectionError: If none of its addresses answers; says which were tried.
    """
    tried: list[str] = []
    try:
        return _dialled_here(place, me)
    except OSError as error:
        tried.append(f"{place.socket_path} ({error})")
    for address in place.addresses:
        try:
            control = _dialled(address, place.key, me, "control")
            stream = _dialled(address, place.key, me, "stream")
        except OSError as error:  # noqa: PERF203  one of very few addresses
            tried.append(f"{address[0]}:{address[1]} ({error})")
        else:
            return control, stream.detach()
    message = f"the driver can't be reached from here: {'; '.join(tried)}"
    raise ConnectionError(message)


def _dialled_here(place: Place, me: Introduction) -> tuple[socket.socket, int]:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    read_fd, write_fd = os.pipe()
    try:
        with contextlib.suppress(OSError):
            fcntl.fcntl(read_fd, _F_SETPIPE_SZ, PIPE_BYTES)
        sock.settimeout(DIAL_S)
        sock.connect(place.socket_path)
        meet(sock, place.key, msgspec.structs.replace(me, role="both"), (read_fd,))
        sock.settimeout(None)
    except BaseException:
        sock.close()
        os.close(write_fd)
        raise
    finally:
        os.close(read_fd)
    return sock, write_fd


def _dialled(address: tuple[str, int], key: bytes, me: Introduction, role: Role) -> socket.socket:
    sock = socket.create_connection(address, timeout=DIAL_S)
    try:
        tune_socket(sock)
        meet(sock, key, msgspec.structs.replace(me, role=role))
        sock.settimeout(None)
    except BaseException:
        sock.close()
        raise
    return sock


def tune_socket(sock: socket.socket) -> None:
    """Send small messages at once, and notice a machine that vanished within a minute."""
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
