"""Browsers that look at a run, as far as its server can tell: they read its stream of events.

One process stands for all of them, and gives way to everybody: browsers run on other machines.
"""

import argparse
import json
import os
import selectors
import socket
import time
from urllib.request import Request, urlopen

WAIT_S = 60.0


def run_id(base: str, token: str) -> str:
    """The only run there is, as soon as it has begun."""
    until_s = time.monotonic() + WAIT_S
    request = Request(f"{base}/api/runs", headers={"Authorization": f"Bearer {token}"})  # noqa: S310  our own server
    while time.monotonic() < until_s:
        with urlopen(request) as reply:  # noqa: S310  our own server
            runs = json.load(reply)["runs"]
        if runs and runs[0]["is_readable"]:
            return runs[0]["id"]
        time.sleep(0.02)
    message = "no run has begun"
    raise SystemExit(message)


def main() -> None:
    """Listen until standard input ends, then print what came."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True, help="as `pbtune dashboard` printed it")
    parser.add_argument("--count", type=int, default=50)
    arguments = parser.parse_args()
    os.nice(19)
    base, _, token = arguments.url.partition("/#token=")
    host, _, port = base.removeprefix("http://").rpartition(":")
    path = f"/api/runs/{run_id(base, token)}/events"
    head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    told = {"bytes": 0, "events": 0}
    with selectors.DefaultSelector() as waiting:
        waiting.register(0, selectors.EVENT_READ)
        for _ in range(arguments.count):
            connection = socket.create_connection((host, int(port)))
            connection.sendall(head.encode())
            waiting.register(connection, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fd == 0:
                    print(json.dumps(told))
                    return
                block = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                told["bytes"] += len(block)
                told["events"] += block.count(b"\ndata: ")
                if not block:
                    waiting.unregister(key.fileobj)


if __name__ == "__main__":
    main()
