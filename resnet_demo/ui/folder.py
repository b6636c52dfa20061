"""The button that brings a whole folder of pictures, with the names of its folders as labels."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import gradio as gr

from ..layout import SUFFIXES
from ..many import MOST_PICTURES
from .strings import say

MOST_MEGABYTES = 190  # what is uploaded may be a little more, and the server takes 200
SCRIPT = Path(__file__).with_name("folder.js")
WORDS = ("folder", "empty", "many", "large", "sending", "sent", "failed")


def chooser() -> gr.HTML:
    """A button; once a folder is chosen and uploaded, it fires `upload` with `path` (of a .zip) and `name`."""
    words = {name: say(f"classify.folder_{name}") for name in WORDS}
    suffixes = sorted(suffix.removeprefix(".") for suffix in SUFFIXES)
    limits = {"most": MOST_PICTURES, "megabytes": MOST_MEGABYTES, "suffixes": suffixes}
    return gr.HTML(
        f'<div class="asks"><button type="button" class="ask">{escape(say("classify.folder_choose"))}</button>'
        '<input type="file" webkitdirectory multiple hidden><output></output></div>',
        js_on_load=f"const words = {json.dumps(words)}, limits = {json.dumps(limits)};\n" + SCRIPT.read_text("utf-8"),
        elem_id="classify-folder",
        apply_default_css=False,
    )
