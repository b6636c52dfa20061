"""Signing in to a class with its code and a name, kept in a cookie that only this server can write."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..runs.classroom import is_same_secret
from .strings import DEFAULT, LANGUAGES, say, speaking
from .who import KEPT, LONGEST_NAME, clean_name

OPEN = ("/healthz", "/login", "/logout", "/favicon.ico", "/robots.txt")
KEPT_SECONDS = 16 * 3600
LARGEST_FORM = 4096
WRONG_ALLOWED, WITHIN_SECONDS, MOST_ADDRESSES = 20, 300.0, 1000


class Patience:
    """How many wrong codes an address may say within a while before nobody there is listened to."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def is_over(self, address: str) -> bool:
        times = self._wrong.get(address, deque())
        while times and times[0] < self.clock() - WITHIN_SECONDS:
            times.popleft()
        return len(times) >= WRONG_ALLOWED

    def note(self, address: str) -> None:
        self._wrong.setdefault(address, deque(maxlen=WRONG_ALLOWED)).append(self.clock())
        self._wrong.move_to_end(address)
        while len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)


class SignIn:
    """The door of a class. Everything but OPEN needs the cookie, which holds the name and this code's seal on it, so
    that it outlives a restart of the server and ends with the code. Upper and lower case are the same."""

    def __init__(self, code: str, root_path: str = "", patience: Patience | None = None) -> None:
        self.code, self.root_path, self.patience = _plain(code), root_path, patience or Patience()
        self._key = hashlib.pbkdf2_hmac("sha256", self.code.encode(), b"resnet-lab class code", 200_000)
        self.cookie = f"resnet-lab-{hashlib.sha256(self._key).hexdigest()[:8]}"

    def is_right(self, code: str) -> bool:
        return is_same_secret(_plain(code), self.code)

    def sealed(self, name: str) -> str:
        """What the cookie holds for this name."""
        word = base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")
        return f"{word}.{hmac.new(self._key, word.encode(), 'sha256').hexdigest()}"

    def name_of(self, request: Request) -> str | None:
        """Whom the cookie names; None without one of this class."""
        word, _, seal = request.cookies.get(self.cookie, "").partition(".")
        if not is_same_secret(seal, hmac.new(self._key, word.encode(), "sha256").hexdigest()):
            return None
        return base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode(errors="replace")

    def add_to(self, app: FastAPI) -> None:
        """The door's own addresses; `Gate` keeps the others."""
        app.add_api_route("/login", self.page, methods=["GET"])
        app.add_api_route("/login", self.enter, methods=["POST"])
        app.add_api_route("/logout", self.leave, methods=["GET"])

    async def page(self, request: Request) -> Response:
        return self._page(request, code=request.query_params.get("code", ""), after=request.query_params.get("next"))

    async def enter(self, request: Request) -> Response:
        """Lets in whoever says the code and a name: a form from the page, or `username` and `password` as
        gradio_client says them, which get JSON."""
        said = await _form(request)
        name, code, after = clean_name(said.get("username", "")), said.get("password", ""), said.get("next")
        address = request.client.host if request.client else ""
        problem, status = "", 200
        if self.patience.is_over(address):
            problem, status = "door.wait", 429
        elif not self.is_right(code):
            self.patience.note(address)
            problem, status = "door.wrong", 401
        elif not name:
            problem, status = "door.no_name", 400
        if problem and after is None:
            with speaking(language_of(request)):
                return JSONResponse({"error": say(problem)}, status)
        if problem:
            return self._page(request, problem, name, code, after, status)
        return self._let_in(request, name, after)

    def _let_in(self, request: Request, name: str, after: str | None) -> Response:
        response: Response = JSONResponse({"success": True})
        if after is not None:
            response = RedirectResponse(self.root_path + _inside(after), 303)
        response.set_cookie(
            self.cookie, self.sealed(name), KEPT_SECONDS, path=self.root_path or "/",
            secure=request.url.scheme == "https", httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    async def leave(self) -> Response:
        """Forgets who sits at this browser: the cookie, and the secret that makes runs theirs."""
        where = escape(f"{self.root_path}/login", quote=True)
        response = HTMLResponse(LEAVING.format(where=where, kept=KEPT), headers={"Cache-Control": "no-store"})
        response.delete_cookie(self.cookie, path=self.root_path or "/")
        return response

    def _page(
        self, request: Request, problem: str = "", name: str = "", code: str = "", after: str | None = "/",
        status: int = 200,
    ) -> Response:  # fmt: skip
        lang = language_of(request, after or "")
        with speaking(lang):
            words = {key: escape(say(f"door.{key}")) for key in ("title", "ask", "code", "name", "enter")}
            told = f'<p role="alert">{escape(say(problem))}</p>' if problem else ""
        values = {"code_said": code[:60], "name_said": name, "after": _inside(after or "/"), "root": self.root_path}
        html = PAGE.format(lang=LANGUAGES[lang].tag, problem=told, longest=LONGEST_NAME, **words, **{
            key: escape(value, quote=True) for key, value in values.items()
        })  # fmt: skip
        return HTMLResponse(html, status, {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


class Gate:
    """Lets nothing through without the class's cookie: pages go to sign in, programs get 401."""

    def __init__(self, app: ASGIApp, sign_in: SignIn) -> None:
        self.app, self.sign_in = app, sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].rstrip("/") in OPEN:
            return await self.app(scope, receive, send)
        request = Request({**scope, "type": "http"})
        if self.sign_in.name_of(request) is not None:
            return await self.app(scope, receive, send)
        if scope["type"] == "http":
            await self._refusal(request)(scope, receive, send)

    def _refusal(self, request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            with speaking(language_of(request)):
                return JSONResponse({"error": say("door.needed")}, 401)
        asked = parse_qsl(request.url.query, keep_blank_values=True)
        rest = urlencode([pair for pair in asked if pair[0] != "code"])
        words = [pair for pair in asked if pair[0] == "code"][:1]
        words.append(("next", request.url.path + (f"?{rest}" if rest else "")))
        return RedirectResponse(f"{self.sign_in.root_path}/login?{urlencode(words)}", 303)


def language_of(request: Request, page: str = "") -> str:
    """The language of the `page` that was asked for, else the first that the browser asks for and the lab speaks."""
    accepted = request.headers.get("accept-language", "").lower().split(",")
    wanted = [
        _inside(page).partition("?")[0].strip("/"),
        *(code.split(";")[0].strip().split("-")[0] for code in accepted),
    ]
    return next((code for code in wanted if code in LANGUAGES), DEFAULT)


def _plain(code: str) -> str:
    """A code as it is compared: without the case, spaces and dashes that people add."""
    return "".join(c for c in str(code).casefold() if c.isalnum())


def _inside(after: str) -> str:
    """A path of this lab, whatever a link asks for."""
    try:
        parts = urlsplit(after)
    except ValueError:
        return "/"
    is_inside = after.startswith("/") and after[1:2] not in ("/", "\\") and not parts.scheme and not parts.netloc
    return after if is_inside and after.isprintable() else "/"


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form; {} for anything else."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > LARGEST_FORM:
        return {}
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))


LEAVING = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>ResNet Lab</title>
<meta http-equiv="refresh" content="0; url={where}">
<script>try {{ localStorage.removeItem("{kept}"); }} catch {{ /* nothing is kept then */ }}</script></head>
<body><a href="{where}">ResNet Lab</a></body></html>"""
PAGE = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --accent: #0072B2; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; }}
form {{ width: min(20rem, 100vw - 3rem); display: grid; gap: 1rem; }}
h1 {{ font-size: 1.5rem; margin: 0; }} p {{ margin: 0; }}
label {{ display: grid; gap: .25rem; font-weight: 600; }}
input {{ font: inherit; font-weight: 400; padding: .55rem .7rem; border: 1px solid #767676; border-radius: 6px;
  min-width: 0; }}
button {{ font: inherit; font-weight: 600; padding: .6rem; border: 0; border-radius: 6px; cursor: pointer;
  background: var(--accent); color: #fff; }}
:focus-visible {{ outline: 3px solid var(--accent); outline-offset: 2px; }}
[role=alert] {{ border-left: 4px solid #D55E00; padding-left: .75rem; }}
</style></head><body><main><form method="post" action="{root}/login">
<h1>{title}</h1><p>{ask}</p>{problem}
<label>{code}<input name="password" value="{code_said}" required autocomplete="off" autocapitalize="characters"
 spellcheck="false" maxlength="60"></label>
<label>{name}<input name="username" value="{name_said}" required autocomplete="nickname" maxlength="{longest}"></label>
<input type="hidden" name="next" value="{after}"><button>{enter}</button></form></main></body></html>"""
