"""Which language a page speaks: its first script, what its HTML says of it, and the switch in its head.

The page is there once in each language: the default's at the root, the others under their own names (`/zh`). Gradio
puts a `head` of ours in only when it has started, which is too late to send anybody elsewhere or to have its own words
in the page's language; so the script is put into the HTML on its way out.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .strings import DEFAULT, LANGUAGES, language, say

SCRIPT = Path(__file__).with_name("language.js")
# A real link, so that it can be reached, opened elsewhere and copied; what is in hand is in the address, which changes.
SWITCH = """
document.title = props.title;
for (const link of element.querySelectorAll("a")) {
  const aim = () => { link.href = window.speaksOf.page(link.dataset.lang); };
  aim();
  for (const name of ["pointerdown", "focus", "mouseenter"]) link.addEventListener(name, aim);
  link.addEventListener("click", () => { link.href = window.speaksOf.choose(link.dataset.lang); });
}
"""


def switch() -> gr.HTML:
    """Links to the same page in the other languages, each in its own words."""
    links = "".join(
        f'<a href="./{"" if key == DEFAULT else key}" data-lang="{key}" lang="{other.tag}" hreflang="{other.tag}">'
        f"{escape(other.name)}</a>"
        for key, other in LANGUAGES.items()
        if key != language()
    )
    return gr.HTML(
        f'<nav aria-label="{escape(say("frame.language"))}">{links}</nav>', js_on_load=SWITCH, elem_id="languages",
        apply_default_css=False, min_width=60, title=say("frame.title"),
    )  # fmt: skip


class FirstScript:
    """Gives every page of HTML its language and the script that goes before all others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._script = SCRIPT.read_text(encoding="utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        last = scope["path"].rstrip("/").rpartition("/")[2]
        await self.app(scope, receive, _Rewriting(send, last if last in LANGUAGES else DEFAULT, self._script))


class _Rewriting:
    """`send` for one answer: HTML is held back until it is whole."""

    def __init__(self, send: Send, lang: str, script: str) -> None:
        self.send, self.lang, self.script = send, lang, script
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self.start = message
            return
        if self.start is None or message["type"] != "http.response.body":
            return await self.send(message)
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = self._rewritten()
        MutableHeaders(scope=self.start)["content-length"] = str(len(body))
        await self.send(self.start)
        await self.send({"type": "http.response.body", "body": body})

    def _rewritten(self) -> bytes:
        tags = {key: known.tag for key, known in LANGUAGES.items()}
        theirs, ours = LANGUAGES[DEFAULT].words, LANGUAGES[self.lang].words
        words = {theirs[key]: ours[key] for key in ours if key.startswith("gradio.") and self.lang != DEFAULT}
        speaks = json.dumps({"here": self.lang, "first": DEFAULT, "tags": tags, "words": words}, ensure_ascii=False)
        script = f"<head><script>{{ const SPEAKS = {speaks};\n{self.script}}}</script>"
        body = self.body.replace(b'lang="en"', f'lang="{tags[self.lang]}"'.encode(), 1)
        return body.replace(b"<head>", script.encode(), 1)


def _is_html(start: Message) -> bool:
    headers = {name.lower(): value for name, value in start["headers"]}
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers
