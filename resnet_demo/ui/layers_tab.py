"""The Layers tab: every layer of the model in hand, for any size that fits, as a tree that folds or as a table.

Only a few numbers travel when the hand changes; the table is computed and sent once the tab is looked at.
"""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import gradio as gr

from ..errors import LabError
from ..exports import FORMATS
from ..layers import layer_table
from ..specs import ResNetSpec, find_model
from .asking import QUIET
from .drawing import draw
from .failures import guarded, sentence
from .hand import Hand
from .layer_data import layers_data
from .layer_view import answer
from .measuring import script
from .page import Page
from .strings import say, spoken

FIELDS = ("height", "width", "channels", "classes", "batch")
BATCH_SIZE = 128
LARGEST_BATCH = 100_000
WORDS = (
    "part", "name", "type", "output", "params", "share", "macs", "sees", "saved", "total", "unfold", "fold_all", "take",
    "code", "fact_shapes", "fact_params", "fact_macs", "fact_sees", "fact_memory", "fact_saved", "fact_not_saved",
    "looking", "see", "see_own", "see_path", "see_path_note", "see_filters", "see_filters_note", "see_channel",
    "unreachable",
)  # fmt: skip


def build(page: Page) -> None:
    spec = find_model(Hand().model)
    with gr.Row(elem_id="layers-form"):
        numbers = [
            gr.Number(value, label=say(f"layers.{name}"), precision=0, min_width=110, elem_id=f"layers-{name}")
            for name, value in zip(FIELDS, natural(spec))
        ]
        views = [(say(f"layers.view_{name}"), name) for name in ("tree", "flat")]
        view = gr.Radio(views, value="tree", label=say("layers.view"), min_width=160, elem_id="layers-view")
    shown = gr.Textbox(spec.name, visible=False)
    table = _table(page, spec)
    _wire(page, numbers, view, shown, table)


def _table(page: Page, spec: ResNetSpec) -> gr.HTML:
    async def layers(asked: list[str]) -> str:
        return await asyncio.to_thread(layers_json, str(asked[0]) if asked else "")

    async def see(asked: list[Any]) -> str:
        return await asyncio.to_thread(_answer, page, asked)

    return gr.HTML(
        request(Hand(), natural(spec), "tree"),
        html_template="",
        js_on_load=script("drawing.js", "layers.js"),
        server_functions=[spoken(layers), spoken(see), spoken(take_along)],
        words={key: say(f"layers.{key}") for key in WORDS} | {"svg": say("draw.svg"), "png": say("draw.png")},
        apply_default_css=False,
        elem_id="layers-table",
    )


def _answer(page: Page, asked: list[Any]) -> str:
    try:
        return answer(page.lab, asked)
    except Exception as error:
        return json.dumps({"error": sentence(error)})


def _wire(page: Page, numbers: list[gr.Number], view: gr.Radio, shown: gr.Textbox, table: gr.HTML) -> None:
    page.hand.change(guarded(adopt), [page.hand, shown, *numbers, view], [shown, *numbers, table], **QUIET)
    controls: list[Any] = [*numbers, view]
    for control in controls:
        control.input(guarded(paint), [page.hand, *numbers, view], table, trigger_mode="always_last", **QUIET)


def natural(spec: ResNetSpec) -> tuple[int, int, int, int, int]:
    """Height, width, channels and classes that the network was made for, and the usual batch."""
    channels, height, width = spec.input
    return height, width, channels, spec.num_classes, BATCH_SIZE


def adopt(hand: str, shown: str, *controls: Any) -> tuple[Any, ...]:
    """Another model brings its own numbers and keeps the batch; the same one keeps those on the page."""
    held = Hand.of(hand)
    *numbers, view = controls
    if held.model == shown:
        return shown, *(gr.skip() for _ in FIELDS), request(held, numbers, view)
    spec = find_model(held.model)
    numbers = [*natural(spec)[:4], numbers[4]]
    return spec.name, *numbers, request(held, numbers, view)


def paint(hand: str, *controls: Any) -> str:
    return request(Hand.of(hand), controls[:-1], controls[-1])


def request(hand: Hand, numbers: Any, view: str) -> str:
    """What is to be shown, as JSON: the page asks `layers_json` for it when it can be seen."""
    return json.dumps({"hand": hand.to_json(), "model": hand.model, "numbers": list(numbers), "view": view})


def layers_json(asked: str) -> str:
    """The table for (height, width, channels, classes, batch) with its drawing, or {"error": why there is none}."""
    try:
        wanted = json.loads(asked)
        hand = Hand.of(wanted["hand"])
        numbers = [_whole(value, name) for name, value in zip(FIELDS, wanted["numbers"], strict=True)]
        return _layers_json(hand.model, *numbers)
    except (KeyError, TypeError, ValueError):
        return json.dumps({"error": ""})
    except Exception as error:
        return json.dumps({"error": sentence(error)})


def _layers_json(model: str, height: int, width: int, channels: int, classes: int, batch: int) -> str:
    if not 1 <= batch <= LARGEST_BATCH:
        raise LabError(what=say("layers.batch_range", most=LARGEST_BATCH))
    spec = find_model(model).adapted(num_classes=classes)
    table = layer_table(spec, (channels, height, width))
    drawing = draw(spec, table.input, way="down")
    asked = [spec.name, *table.input, classes]
    data = {"asked": asked, "drawing": drawing, **layers_data(spec, table, batch)}
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _whole(value: Any, name: str) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value != int(value)
    ):
        raise LabError(what=say("layers.not_a_number", what=say(f"layers.{name}")))
    return int(value)


async def take_along(asked: list[Any]) -> str:
    """The file to save, asked for as [format, model, channels, height, width, classes]; "" if it makes no sense."""
    try:
        kind, name, channels, height, width, classes = asked
        spec = find_model(str(name)).adapted(num_classes=int(classes))
        return FORMATS[kind](layer_table(spec, (int(channels), int(height), int(width))))
    except (LabError, KeyError, TypeError, ValueError):
        return ""
