"""Which machine and which process this is."""

import functools
import os
import platform
import socket


@functools.cache
def node_ip() -> str:
    """This machine's address as its network would see it; 127.0.0.1 if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only chooses a route.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def this_host() -> tuple[int, str, str]:
    """(process id, host name, address)."""
    return os.getpid(), platform.node(), node_ip()
