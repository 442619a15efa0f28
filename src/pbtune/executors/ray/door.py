"""Where a driver listens for its actors: a socket in a private folder, and ports of its address.

Whoever comes in has proved that it knows the run's key; nobody else reaches the loop.
"""

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import msgspec

from pbtune.executors.line import Line
from pbtune.executors.ray.handshake import (
    DIAL_S,
    NONCE_BYTES,
    Introduction,
    Refused,
    met,
    tune_socket,
)

LOOPBACK: Final = "127.0.0.1"
STRANGERS_MAX: Final = 64
"""Connections that may be in their handshake at once; more are turned away."""


class Visitor(msgspec.Struct, frozen=True):
    """An actor at the door: who it is, and the way to it."""

    introduction: Introduction
    line: Line


@final
class Door:
    """Listens on threads of its own.

    Args:
        arrived: Called with each actor that has proved itself, on one of those threads.

    Attributes:
        key: What it is proved with; for the run's actors alone.
        socket_path: For actors on this machine.
        addresses: For those that don't see this folder, as (host, port).
    """

    def __init__(self, arrived: Callable[[Visitor], None]) -> None:
        self.key = secrets.token_bytes(NONCE_BYTES)
        self.addresses: tuple[tuple[str, int], ...] = ()
        self._arrived = arrived
        self._dir = Path(tempfile.mkdtemp(prefix="pbtune-"))
        self.socket_path = str(self._dir / "driver")
        self._hosts: set[str] = set()
        self._halves: dict[int, tuple[Introduction, socket.socket]] = {}
        self._lock = threading.Lock()
        self._strangers = threading.Semaphore(STRANGERS_MAX)
        self._listeners: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.socket_path)
        listener.listen(STRANGERS_MAX)
        self._listen(listener)

    def open_at(self, host: str) -> None:
        """Listen on a port of this address too, once.

        Raises:
            OSError: If it isn't one of this machine's addresses.
        """
        if host in self._hosts:
            return
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, 0), family=family, backlog=STRANGERS_MAX)
        self._hosts.add(host)
        self.addresses += ((host, int(listener.getsockname()[1])),)
        self._listen(listener)

    def _listen(self, listener: socket.socket) -> None:
        self._listeners.append(listener)
        thread = threading.Thread(
            target=self._accept, args=(listener,), name="pbtune-door", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                # Closed, by ``close``.
                return
            if not self._strangers.acquire(blocking=False):
                sock.close()
                continue
            threading.Thread(
                target=self._greet, args=(sock,), name="pbtune-greeting", daemon=True
            ).start()

    def _greet(self, sock: socket.socket) -> None:
        fds: list[int] = []
        try:
            sock.settimeout(DIAL_S)
            tune_socket(sock)
            introduction = met(sock, self.key, fds)
            sock.settimeout(None)
            self._let_in(introduction, sock, fds)
        except OSError:
            # A stranger, or an actor that died on the way: it hasn't been here.
            sock.close()
            for fd in fds:
                os.close(fd)
        finally:
            self._strangers.release()

    def _let_in(self, who: Introduction, sock: socket.socket, fds: list[int]) -> None:
        if who.role == "both":
            if len(fds) != 1:
                what = "an actor came without its pipe"
                raise Refused(what)
            os.set_blocking(fds[0], False)
            self._arrived(Visitor(who, Line(sock, fds[0])))
            return
        with self._lock:
            first = self._halves.pop(who.worker, None)
            if first is None or first[0].role == who.role:
                # The second: it has dialled again.
                self._halves[who.worker] = (who, sock)
                return
        ends = {first[0].role: first[1], who.role: sock}
        ends["stream"].settimeout(0)
        self._arrived(Visitor(who, Line(ends["control"], ends["stream"].detach())))

    def close(self) -> None:
        """Let nobody in any more."""
        for listener in self._listeners:
            # Closing alone wouldn't wake a thread that waits in ``accept``.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in self._threads:
            thread.join(DIAL_S)
        with self._lock:
            for _, sock in self._halves.values():
                sock.close()
            self._halves.clear()
        shutil.rmtree(self._dir, ignore_errors=True)
