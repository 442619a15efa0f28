"""The application, its sockets and its limits."""

import asyncio
import re
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, final

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from pbtune.errors import PbtuneError
from pbtune.reporting.web import answers
from pbtune.reporting.web.feed import Feed
from pbtune.reporting.web.guard import HEAD_BYTES_MAX, App, Guard
from pbtune.reporting.web.plain import numbers_json, text_json
from pbtune.reporting.web.runs import Runs
from pbtune.reporting.web.watched import Watched

PORT: Final = 8799
TOKEN_BYTES: Final = 32
ANSWER_S: Final = 30.0
HEAD_S: Final = 10.0
CONNECTIONS_MAX: Final = 400
STREAMS_MAX: Final = 200
_WAITING: Final = 128
"""Connections that may wait to be accepted."""
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_JSON: Final = "application/json"
_STILL_ROUGH: Final = b'{"is_complete":false,"steps":null}'
"""For a page that has the samples, and waits for the values."""
_NO_CURVES: Final = b'{"is_complete":true,"is_rough":false,"steps":[],"members":[],"values":[]}'
"""Before the first report."""
_EVENTS: Final = "text/event-stream"
_NUMBER: Final = re.compile("-?[0-9]{1,18}")


def new_token() -> str:
    """Something that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def static_files() -> dict[str, tuple[bytes, str]]:
    """The page's own files by their one-word names: no path of a client's touches the disk."""
    root = files("pbtune.reporting.web") / "static"
    found: dict[str, tuple[bytes, str]] = {}
    for folder in (root, root / "vendor"):
        for item in folder.iterdir():
            kind = _TYPES.get(Path(item.name).suffix)
            if kind is not None and item.is_file():
                found[item.name] = (item.read_bytes(), kind)
    return found


@final
class Site:
    """What the addresses answer.

    Args:
        runs: The runs to show.
        token: What ``/login`` puts into the cookie.
        cookie: The cookie's name.
    """

    def __init__(self, runs: Runs, token: str, cookie: str) -> None:
        self._runs = runs
        self._token = token
        self._cookie = cookie
        self._static = static_files()
        self._feeds: dict[Watched, Feed] = {}

    def routes(self) -> list[Route]:
        """Every address that there is."""
        run = "/api/runs/{run}"
        return [
            Route("/", self.page),
            Route("/static/{name}", self.static),
            Route("/login", self.login),
            Route("/api/runs", self.list),
            Route(run, self._of_run(self._state)),
            Route(f"{run}/events", self.events),
            Route(f"{run}/curves", self._of_run(self._curves)),
            Route(f"{run}/schedules", self._of_run(self._schedules)),
            Route(f"{run}/members/{{member}}", self._of_run(self._member)),
            Route(f"{run}/members/{{member}}/schedule.json", self._of_run(self._schedule_json)),
            Route(f"{run}/members/{{member}}/schedule.csv", self._of_run(self._schedule_csv)),
        ]

    async def page(self, _request: Request) -> Response:
        """The page without data: it asks for those with the token."""
        body, kind = self._static["index.html"]
        return Response(body, media_type=kind)

    async def static(self, request: Request) -> Response:
        """One of the page's own files."""
        found = self._static.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return Response(found[0], media_type=found[1])

    async def login(self, request: Request) -> Response:
        """The token for a cookie. It comes in a header: addresses end up in histories and logs."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            raise HTTPException(401)
        response = Response(status_code=204)
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return response

    async def list(self, _request: Request) -> Response:
        """The runs."""
        rows = await _in_thread(self._runs.rows)
        return Response(text_json({"runs": rows}), media_type=_JSON)

    async def events(self, request: Request) -> Response:
        """The run, and then what changes, as server-sent events.

        A browser that was cut off says the version up to which it knows, in a header of its own;
        a page that was hidden says it in the address.
        """
        run = await self._run(request)
        if request.method == "HEAD":
            return Response(media_type=_EVENTS)
        if sum(feed.listener_count for feed in self._feeds.values()) >= STREAMS_MAX:
            raise HTTPException(503)
        known = _number(request.headers.get("last-event-id", "")) or _whole(request, "since")
        if known > run.population.version:
            known = -1
        return StreamingResponse(self._changes(run, known), media_type=_EVENTS)

    async def _changes(self, run: Watched, told: int) -> AsyncIterator[bytes]:
        def look(since: int) -> tuple[int, bytes]:
            with run.lock:
                version = run.refresh()
                return version, b"" if version == since else _state(run, since)

        for gone in [it for it, feed in self._feeds.items() if not feed.listener_count]:
            del self._feeds[gone]
        feed = self._feeds.setdefault(run, Feed(look))
        async with aclosing(feed.changes(told)) as changes:
            async for version, body in changes:
                yield b"id: %d\ndata: %b\n\n" % (version, body) if body else b": still here\n\n"
        yield b"event: gone\ndata: {}\n\n"

    async def _run(self, request: Request) -> Watched:
        found = await _in_thread(self._runs.get, request.path_params["run"])
        if found is None:
            raise HTTPException(404)
        return found

    def _of_run(
        self, answer: Callable[[Watched, Request], tuple[bytes, str]]
    ) -> Callable[[Request], Any]:
        def locked(run: Watched, request: Request) -> tuple[bytes, str]:
            with run.lock:
                run.refresh()
                return answer(run, request)

        async def endpoint(request: Request) -> Response:
            run = await self._run(request)
            body, kind = await _in_thread(locked, run, request)
            return Response(body, media_type=kind)

        return endpoint

    @staticmethod
    def _state(run: Watched, request: Request) -> tuple[bytes, str]:
        return _state(run, _whole(request, "since")), _JSON

    @staticmethod
    def _curves(run: Watched, request: Request) -> tuple[bytes, str]:
        index, also = _whole(request, "metric", 0), _whole(request, "also")
        if not run.metrics and index == 0:
            return _NO_CURVES, _JSON
        if not 0 <= index < len(run.metrics):
            raise HTTPException(404)
        # One step of reading nearer to the newest report, whoever asks.
        found = run.curves(run.metrics[index])
        if found.is_rough and _whole(request, "rough", 0):
            return _STILL_ROUGH, _JSON
        made = run.kept(
            ("curves", index, found.cursor, also),
            lambda: numbers_json(answers.curves(run, found, also)),
        )
        return made, _JSON

    @staticmethod
    def _schedules(run: Watched, request: Request) -> tuple[bytes, str]:
        also = _whole(request, "also")
        made = run.kept(("schedules", also), lambda: text_json(answers.schedules(run, also)))
        return made, _JSON

    @staticmethod
    def _member(run: Watched, request: Request) -> tuple[bytes, str]:
        return text_json(answers.member(run, _trial(run, request))), _JSON

    @staticmethod
    def _schedule_json(run: Watched, request: Request) -> tuple[bytes, str]:
        return answers.schedule_json(run, _trial(run, request)), _JSON

    @staticmethod
    def _schedule_csv(run: Watched, request: Request) -> tuple[bytes, str]:
        return answers.schedule_csv(run, _trial(run, request)), "text/csv; charset=utf-8"


def _state(run: Watched, since: int) -> bytes:
    return run.kept(("state", since), lambda: text_json(answers.state(run, since)))


def _trial(run: Watched, request: Request) -> str:
    number = _number(request.path_params["member"])
    if number is None or not 0 <= number < len(run.population.ids):
        raise HTTPException(404)
    return run.population.ids[number]


def _whole(request: Request, name: str, default: int = -1) -> int:
    found = _number(request.query_params.get(name, str(default)))
    if found is None:
        raise HTTPException(400)
    return found


def _number(given: str) -> int | None:
    """A whole number of at most 18 digits; None if it is something else."""
    return int(given) if _NUMBER.fullmatch(given) else None


async def _in_thread(function: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401
    try:
        return await asyncio.wait_for(asyncio.to_thread(function, *args), ANSWER_S)
    except asyncio.TimeoutError as error:
        raise HTTPException(503) from error


async def _refused(_request: Request, error: Exception) -> Response:
    """Nothing of paths, of the environment or of our own code is told."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return Response(text_json({"error": status}), status, media_type=_JSON)


def application(runs: Runs, token: str, hosts: frozenset[str], cookie: str) -> App:
    """The guarded application."""
    handlers = {HTTPException: _refused, PbtuneError: _refused}
    site = Starlette(routes=Site(runs, token, cookie).routes(), exception_handlers=handlers)
    site.router.redirect_slashes = False
    return Guard(site, hosts, token, cookie)


@final
class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that doesn't wait for a client which never asks."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401  asyncio's type
        """Give the client ``HEAD_S`` for its first request."""
        super().connection_made(transport)
        self.loop.call_later(HEAD_S, self._hurry)

    def _hurry(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def listening(host: str, port: int | None) -> socket.socket:
    """A socket that listens on a port: the given one, else the usual one, else a free one.

    Raises:
        OSError: If a port was asked for and is taken, or the host is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempt in (PORT, 0) if port is None else (port,):
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, attempt))
            # Until then another process could be given the same port.
            found.listen(_WAITING)
        except OSError:
            found.close()
            if attempt == 0 or port is not None:
                raise
        else:
            return found
    raise AssertionError


def own_hosts(host: str, port: int, also: tuple[str, ...] = ()) -> frozenset[str]:
    """The values of ``Host`` under which this server is asked."""
    names = ["127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host]
    usual = [f"{name}:{port}" for name in names]
    return frozenset(it.lower() for it in (*usual, *also))


def server(app: App) -> uvicorn.Server:
    """A server with limits; ``run(sockets=[...])`` starts it, and a signal ends it."""
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
    )
    return uvicorn.Server(config)
