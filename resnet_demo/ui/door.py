"""What stands before the page on a server of its own: whom to believe, the sub-path, foreign pages, and its health."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from .. import __version__
from ..runs.scheduler import Scheduler
from .strings import say

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
SAFE = ("GET", "HEAD", "OPTIONS")


class Believing:
    """Takes the address, host and scheme that a proxy reports, from the proxies in `proxies` alone.

    Gradio reads X-Forwarded-Host from whoever sends it, so what a stranger says is taken out of the request.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str] = ("127.0.0.1",)) -> None:
        self.app = app
        # uvicorn writes the types of ASGI otherwise than starlette.
        self.reported: Any = ProxyHeadersMiddleware(app, list(proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        is_known = (scope.get("client") or ("",))[0] in self.reported.trusted_hosts
        scope["headers"] = [pair for pair in scope["headers"] if not _is_claim(pair[0], is_known)]
        await (self.reported if is_known else self.app)(scope, receive, send)


def _is_claim(name: bytes, is_known: bool) -> bool:
    return name == b"x-gradio-server" or (not is_known and name.startswith((b"x-forwarded-", b"forwarded")))


class SubPath:
    """Serves the page below `root_path`, whether the proxy takes that part of the address off or not."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app, self.root_path = app, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == self.root_path and scope["type"] == "http":
            return await RedirectResponse(f"{self.root_path}/", 307)(scope, receive, send)
        if path.startswith(f"{self.root_path}/"):
            raw = scope.get("raw_path") or path.encode()
            scope = {**scope, "path": path[len(self.root_path) :], "raw_path": raw[len(self.root_path.encode()) :]}
        await self.app(scope, receive, send)


class NoForeigners:
    """Refuses what another site's page would have a visitor's browser send; programs, which name no origin, pass.

    A page is the lab's own if it comes from where the request goes to. Where nobody but this machine is served
    (`is_alone`) that has to be this machine, too: a foreign name may be made to lead here.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str] = (), is_alone: bool = False) -> None:
        self.app, self.origins, self.is_alone = app, frozenset(origins), is_alone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE and not self._is_own(Headers(scope=scope)):
            refusal = PlainTextResponse(say("door.foreign"), 403)
            return await refusal(scope, receive, send)
        await self.app(scope, receive, send)

    def _is_own(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        host = headers.get("x-forwarded-host", headers.get("host", "")).split(",")[0].strip()
        if origin is None or origin in self.origins:
            return True
        try:
            page = urlsplit(origin)
        except ValueError:
            return False
        return bool(host) and page.netloc == host and (not self.is_alone or page.hostname in THIS_MACHINE)


class Health:
    """Answers /healthz from what is in memory: the lab is up, so many runs train, so many wait."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.is_ending = False

    async def __call__(self) -> JSONResponse:
        training, waiting = self.scheduler.load
        state = "ending" if self.is_ending else "ok"
        told = {"status": state, "version": __version__, "training": training, "waiting": waiting}
        return JSONResponse(told, 503 if self.is_ending else 200, {"Cache-Control": "no-store"})
