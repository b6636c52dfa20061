"""The page: a frame and one module a tab. Nothing outside this package and app.py imports gradio."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1000")

import gradio as gr
from starlette.middleware import Middleware

from . import frame
from .api import add_endpoints
from .board import is_shown
from .body_limit import BodyLimit
from .page import TABS, Lab, Page, open_lab
from .strings import DEFAULT, LANGUAGES, say, speaking
from .theme import STYLE, theme
from .tongue import FirstScript

__all__ = ["Lab", "Page", "build_app", "launch_options", "open_lab"]

LOOK_EVERY, OLDEST = 600, 2900  # seconds: an upload is gone within the hour
MOST_SESSIONS = 64  # page loads that are remembered, a quarter of a megabyte each; those asked for last stay
LARGEST_UPLOAD = "200mb"
LARGEST_REQUEST = 210_000_000


def build_app(lab: Lab | None = None) -> gr.Blocks:
    """The whole page over `lab` (default: the one at home), once in each language, queue set up, not yet launched."""
    lab = lab or open_lab()
    with gr.Blocks(title=say("frame.title"), analytics_enabled=False, delete_cache=(LOOK_EVERY, OLDEST)) as demo:
        add_endpoints(lab)  # first, so that no handler of a tab takes their names
        _build_page(demo, lab)
    for lang in LANGUAGES:
        if lang != DEFAULT:
            with speaking(lang), demo.route(LANGUAGES[lang].name, f"/{lang}", show_in_navbar=False):
                _build_page(demo, lab)
    return _queued(demo)


def _build_page(demo: gr.Blocks, lab: Lab) -> None:
    """The page in the language that is spoken here."""
    chip, me, copy = frame.head(lab)
    bar = frame.hand_bar(copy)
    hand, who, wish, lesson = (_unseen(name) for name in ("hand", "visitor", "wish", "asked-lesson"))
    with gr.Tabs(selected="train", elem_id="tabs") as tabs:
        page = Page(lab, hand, tabs, who, wish, lesson)
        for name in TABS:
            is_there = name != "class" or is_shown(lab)
            with gr.Tab(say(f"frame.tab_{name}"), id=name, elem_id=f"tab-{name}", visible=is_there):
                _build_tab(name, page)
    frame.foot()
    frame.wire(demo, page, chip, me, bar, copy)


def _unseen(name: str) -> gr.Textbox:
    """A field that only handlers read and write."""
    return gr.Textbox("", elem_id=name, elem_classes="unseen", show_label=False, container=False)


def _build_tab(name: str, page: Page) -> None:
    if importlib.util.find_spec(f"{__name__}.{name}_tab") is None:
        return
    importlib.import_module(f"{__name__}.{name}_tab").build(page)


def _queued(demo: gr.Blocks) -> gr.Blocks:
    """A short queue whose loops sleep longer than Gradio's millisecond, which alone takes a tenth of a core."""
    demo.queue(max_size=64, default_concurrency_limit=4)
    queue = getattr(demo, "_queue", None)
    for knob, seconds in (("sleep_when_free", 0.02), ("progress_update_sleep_when_free", 0.05)):
        if hasattr(queue, knob):
            setattr(queue, knob, seconds)
    return demo


def launch_options() -> dict[str, Any]:
    """What `launch` is given: nothing comes from outside, nothing is kept in the browser, failures are sentences."""
    return {
        "theme": theme(),
        "css_paths": STYLE,
        "ssr_mode": False,
        "run_history": False,
        "show_error": False,
        "enable_monitoring": False,
        "state_session_capacity": MOST_SESSIONS,
        "footer_links": ["api"],
        "max_file_size": LARGEST_UPLOAD,
        "app_kwargs": {
            "openapi_url": None,
            "middleware": [Middleware(BodyLimit, most_bytes=LARGEST_REQUEST), Middleware(FirstScript)],
        },
    }
