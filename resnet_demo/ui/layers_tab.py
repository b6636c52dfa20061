"""The Layers tab: every layer of the model in hand, for any size that fits, as a tree that folds or as a table."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import LabError
from ..exports import FORMATS
from ..layers import layer_table
from ..specs import MODELS, ResNetSpec, find_model
from .failures import guarded
from .hand import Hand
from .layer_html import code_html, flat_html, totals_html, tree_html
from .markup import alert
from .page import Page
from .strings import label, say

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
FIELDS = ("height", "width", "channels", "classes")
SCRIPT = Path(__file__).with_name("layers.js")


def build(page: Page) -> None:
    spec = find_model(Hand().model)
    with gr.Row(elem_id="layers-form"):
        numbers = [
            gr.Number(value, label=label(f"layers.{name}"), precision=0, min_width=110, elem_id=f"layers-{name}")
            for name, value in zip(FIELDS, natural(spec))
        ]
        views = [(label(f"layers.view_{name}"), name) for name in ("tree", "flat")]
        view = gr.Radio(views, value="tree", label=label("layers.view"), min_width=160, elem_id="layers-view")
    shown = gr.Textbox(spec.name, visible=False)
    table = gr.HTML(
        layers_html(spec, natural(spec), "tree"),
        js_on_load=SCRIPT.read_text(encoding="utf-8"),
        server_functions=[take_along],
        apply_default_css=False,
        elem_id="layers-table",
    )
    _wire(page, numbers, view, shown, table)


def _wire(page: Page, numbers: list[gr.Number], view: gr.Radio, shown: gr.Textbox, table: gr.HTML) -> None:
    page.hand.change(guarded(adopt), [page.hand, shown, *numbers, view], [shown, *numbers, table], **QUIET)
    for control in (*numbers, view):
        control.input(guarded(paint), [page.hand, *numbers, view], table, trigger_mode="always_last", **QUIET)


def natural(spec: ResNetSpec) -> tuple[int, int, int, int]:
    """Height, width, channels and classes that the network was made for."""
    channels, height, width = spec.input
    return height, width, channels, spec.num_classes


def adopt(hand: str, shown: str, *controls: Any) -> tuple[Any, ...]:
    """Another model brings its own numbers; the same one keeps those on the page."""
    held = Hand.of(hand)
    if held.model == shown:
        return shown, *(gr.skip() for _ in FIELDS), gr.skip()
    spec = find_model(held.model)
    return spec.name, *natural(spec), layers_html(spec, natural(spec), controls[-1], held.lang)


def paint(hand: str, *controls: Any) -> str:
    held = Hand.of(hand)
    return layers_html(find_model(held.model), controls[:4], controls[4], held.lang)


def layers_html(spec: ResNetSpec, numbers: tuple[Any, ...], view: str, lang: str = "en") -> str:
    """The table for (height, width, channels, classes), or one sentence that says why there is none."""
    try:
        height, width, channels, classes = (_whole(value, name, lang) for name, value in zip(FIELDS, numbers))
        table = layer_table(spec.adapted(num_classes=classes), (channels, height, width))
    except LabError as error:
        return alert(str(error))
    body = flat_html(table, lang) if view == "flat" else tree_html(spec, table, lang)
    asked = escape(json.dumps([spec.name, *table.input, classes]))
    return (
        f'<div data-asked="{asked}">{_buttons(view, lang)}{body}{totals_html(table, lang)}{code_html(spec, lang)}</div>'
    )


def _whole(value: Any, name: str, lang: str) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value != int(value)
    ):
        raise LabError(what=say("layers.not_a_number", lang, what=say(f"layers.{name}", lang)))
    return int(value)


def _buttons(view: str, lang: str) -> str:
    folds = (("open", "layers.unfold"), ("close", "layers.fold_all")) if view != "flat" else ()
    left = "".join(f'<button type="button" data-fold="{way}">{escape(say(key, lang))}</button>' for way, key in folds)
    names = {"csv": "CSV", "json": "JSON", "md": "Markdown"}
    right = "".join(f'<button type="button" data-take="{kind}">{names[kind]}</button>' for kind in FORMATS)
    return f'<div class="tools"><span>{left}</span><span>{escape(say("layers.take", lang))} {right}</span></div>'


async def take_along(asked: list[Any]) -> str:
    """The file to save, asked for as [format, model, channels, height, width, classes]; "" if it makes no sense."""
    try:
        kind, name, channels, height, width, classes = asked
        spec = MODELS[name].adapted(num_classes=int(classes))
        return FORMATS[kind](layer_table(spec, (int(channels), int(height), int(width))))
    except (LabError, KeyError, TypeError, ValueError):
        return ""
