"""Who a visitor is: a name, and an identity that their browser keeps to itself, or the name they signed in with."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..runs.config import Owner

if TYPE_CHECKING:
    from ..runs.store import Run
    from .page import Lab

KEPT = "resnet-lab-who"  # where a browser keeps who sits at it
LONGEST_NAME = 40
SHORTEST_SECRET = 16
LONGEST_TEXT = 4000

# Defines readWho(): what this browser knows of its visitor, with a secret made on the first visit. All tabs share it.
READ_WHO = """
const readWho = () => {
  let who = null;
  try { who = JSON.parse(localStorage.getItem("resnet-lab-who")); } catch { /* storage is off: this page only */ }
  who = who && typeof who === "object" ? who : JSON.parse(window.labWho || "{}");
  if (!/^[0-9a-f]{32}$/.test(who.secret || "")) {
    who.secret = Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, "0")).join("");
    try { localStorage.setItem("resnet-lab-who", JSON.stringify(who)); } catch { /* as above */ }
  }
  return window.labWho = JSON.stringify(who);
};
"""


@dataclass(frozen=True)
class Who:
    """What the browser says of its visitor. `secret` proves who it is, never kept here; `token` is a teacher's."""

    secret: str = ""
    name: str = ""
    token: str = ""

    @classmethod
    def of(cls, text: str | None) -> Who:
        """Never raises: whatever is not as it should be is empty."""
        try:
            values = json.loads((text or "{}")[:LONGEST_TEXT])
        except (ValueError, RecursionError):
            values = {}
        said = {name: values.get(name) for name in ("secret", "name", "token")} if isinstance(values, dict) else {}
        return cls(**{name: value for name, value in said.items() if isinstance(value, str)})

    def owner(self, request: gr.Request | None = None) -> Owner:
        """Whose runs this visitor's are: the account's, else those of whoever holds the secret. A name said with a
        class's code is only a name: anybody could say it."""
        if account := account_name(request):
            return Owner(_hidden("signed", account), account[:LONGEST_NAME])
        return Owner(owner_id(self.secret), clean_name(signed_name(request) or self.name))


def clean_name(name: str) -> str:
    """A name on one line, without control characters, at most 40 characters long."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:LONGEST_NAME].strip()


def owner_id(secret: str) -> str:
    """What runs carry: it tells nothing of the secret and cannot be said instead of it; new each time without one."""
    return _hidden("secret", secret if len(secret) >= SHORTEST_SECRET else secrets.token_hex(16))


def _hidden(kind: str, text: str) -> str:
    return f"v-{hashlib.sha256(f'{kind}:{text}'.encode()).hexdigest()[:32]}"


def signed_name(request: gr.Request | None) -> str:
    """The name that the visitor signed in with, here or at Hugging Face; "" if they did not."""
    return str(getattr(request, "username", None) or "") or account_name(request)


def account_name(request: gr.Request | None) -> str:
    """The visitor's account at Hugging Face; "" if they did not sign in there."""
    inner: Any = getattr(request, "request", None)
    try:
        info = inner.session["oauth_info"]["userinfo"]
        return str(info.get("preferred_username") or info.get("name") or "")
    except (AssertionError, AttributeError, KeyError, TypeError):
        return ""


def is_crowd(lab: Lab) -> bool:
    """Whether others than the owner of this machine can reach the lab."""
    room = lab.classroom
    return bool(room.is_on or room.is_shared or room.is_public)


def acting(lab: Lab, who: str, request: gr.Request | None = None, run: Run | None = None) -> Owner:
    """As whom a visitor acts on a run. Somebody alone with the lab owns what the command line started, too."""
    owner = Who.of(who).owner(request)
    if run is not None and run.config.owner.id == Owner().id and not is_crowd(lab):
        return replace(Owner(), name=owner.name)
    return owner


def may_change(lab: Lab, run: Run, who: str, request: gr.Request | None = None) -> bool:
    """What the page shows by; the scheduler asks again when something is done."""
    return lab.scheduler.may_change(run, acting(lab, who, request, run), Who.of(who).token)
