"""What is checked first: Host, method, body, origin, token. And every reply's headers.

The threats are other people: on the same machine (hence a token even on loopback), on web pages
that the user's browser shows (hence Host, Origin and a strict cookie), and in what runs hold (hence
a content policy under which text can't become a program).
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEAD_BYTES_MAX: Final = 16_384
SEND_S: Final = 30.0
"""How long a client may take to read what it asked for."""
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_OPEN: Final = ("/", "/login", "/favicon.ico")
_STATIC: Final = "/static/"


@final
class Guard:
    """Lets through what may ask.

    Args:
        app: What answers.
        hosts: The values of ``Host`` that are this server.
        token: What a client has to know.
        cookie: The cookie's name, with the port in it: cookies don't tell ports apart.
    """

    def __init__(self, app: App, hosts: frozenset[str], token: str, cookie: str) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token.encode()
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self._app(scope, receive, guarded)
            return
        status, reason, extra = refusal
        body = f'{{"error":"{reason}"}}'.encode()
        start = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await guarded(
            {"type": "http.response.start", "status": status, "headers": [*start, *extra]}
        )
        is_head = scope["method"] == "HEAD"
        await guarded({"type": "http.response.body", "body": b"" if is_head else body})

    def _refusal(  # noqa: PLR0911  one return a check
        self, scope: Scope, headers: list[tuple[str, str]]
    ) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        """Status, reason and headers of a refusal; None lets the request through."""
        size = sum(len(name) + len(value) + 4 for name, value in headers)
        if size + len(scope["raw_path"]) + len(scope["query_string"]) > HEAD_BYTES_MAX:
            return 431, "the head of a request is short here", [(b"connection", b"close")]
        hosts = [value for name, value in headers if name == "host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 421, "this server is not known by that name", []
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, "only GET and HEAD are answered", [(b"allow", b"GET, HEAD")]
        found = dict(headers)
        if found.get("content-length", "0") != "0" or "transfer-encoding" in found:
            return 413, "a request has no body here", [(b"connection", b"close")]
        if "origin" in found and found["origin"].lower() != f"http://{hosts[0].lower()}":
            return 403, "no other site may ask", []
        path = scope["path"]
        if path in _OPEN or path.startswith(_STATIC):
            return None
        if found.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            return 403, "no other site may ask", []
        if not self.is_known(headers):
            return 401, "open the address that the server printed", []
        return None

    def is_known(self, headers: list[tuple[str, str]]) -> bool:
        """Whether a request carries the token, in its header or its cookie."""
        for name, value in headers:
            if name == "authorization" and value.startswith("Bearer "):
                if self._is_token(value.removeprefix("Bearer ")):
                    return True
            elif name == "cookie" and self._is_token(self._in_cookie(value)):
                return True
        return False

    def _in_cookie(self, value: str) -> str:
        try:
            found = SimpleCookie(value).get(self._cookie)
        except CookieError:
            return ""
        return "" if found is None else found.value

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self._token)


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in _HEADERS}
            rest = [it for it in message.get("headers", []) if it[0].lower() not in own]
            message = {**message, "headers": [*rest, *_HEADERS]}
        await asyncio.wait_for(send(message), SEND_S)

    return guarded
