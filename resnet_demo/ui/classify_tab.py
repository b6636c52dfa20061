"""The Classify tab: what the model makes of a picture; below, how good the same checkpoint is and where it is wrong."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..predict import FITS, INVERSIONS
from . import answers, bring, examples, heat, offer, shelf
from .asking import QUIET, in_turn
from .classify_handlers import Handlers
from .failures import guarded
from .hand import Hand
from .markup import LISTEN, quiet
from .page import Page
from .pairs import Pairing
from .safe_image import safe_image
from .strings import say

INFER: dict[str, Any] = {
    "show_progress": "hidden", "api_visibility": "private", "concurrency_id": "infer", "concurrency_limit": 2,
    "trigger_mode": "always_last",
}  # fmt: skip
MEASURE: dict[str, Any] = {
    "api_visibility": "private", "concurrency_id": "measure", "concurrency_limit": 2, "show_progress": "full",
}  # fmt: skip


def build(page: Page) -> None:
    checkpoint, newest = _checkpoint_row(page)
    offered = offer.place()
    with gr.Row(elem_id="classify", equal_height=False):
        with gr.Column(scale=3, min_width=320, elem_id="classify-bring"):
            picture, eye, sheet = _bring()
        with gr.Column(scale=2, min_width=320, elem_id="classify-says"):
            bars = gr.HTML(js_on_load=LISTEN, elem_id="classify-bars", apply_default_css=False)
            why = gr.HTML(heat.ask_html(), js_on_load=LISTEN, elem_id="classify-why", apply_default_css=False)
            fit, invert = _radio("fit", FITS), _radio("invert", INVERSIONS)
    more = gr.Column(elem_id="classify-brings")
    gr.HTML(f"<h2>{say('classify.how_good')}</h2>", elem_id="classify-how-good")
    grades = gr.HTML(js_on_load=LISTEN, elem_id="classify-grades", apply_default_css=False)
    strip = gr.HTML(no_strip_html(), js_on_load=LISTEN, elem_id="classify-strip", apply_default_css=False)
    beside = _compare()
    do = Handlers(page.lab)
    with more:
        bring.build(page, picture, strip, (fit, invert), do)
    _wire_why(page, do, picture, why, (fit, invert))
    _wire_checkpoint(page, do, checkpoint, newest, sheet, beside[0])
    offer.wire(page, offered, checkpoint, bars)
    _wire_picture(page, do, picture, eye, bars, sheet, strip, (fit, invert), newest)
    _wire_grades(page, do, grades, strip, newest)
    _wire_compare(page, picture, strip, beside)


def _checkpoint_row(page: Page) -> tuple[gr.Dropdown, gr.Button]:
    with gr.Row(elem_id="classify-choose"):
        first = shelf.choices(page.lab)
        checkpoint = gr.Dropdown(
            first, value=shelf.first_of(page.lab), label=say("classify.checkpoint"), filterable=False, scale=4,
            info=say("classify.checkpoint_help"), elem_id="classify-checkpoint", min_width=280,
        )  # fmt: skip
        newest = gr.Button(say("classify.newest"), visible=False, scale=1, min_width=160, elem_id="classify-newest")
    return checkpoint, newest


def _bring() -> tuple[gr.Image, gr.HTML, gr.HTML]:
    """-> (the picture, the model's-eye view, the sheet of examples)"""
    sheet = examples.sheet_for(Hand().dataset)
    with gr.Row(elem_id="classify-views", equal_height=False):
        picture = safe_image(
            examples.enlarged(sheet.images.images[0]),
            label=say("classify.picture"),
            placeholder=say("classify.drop"),
            sources=["upload", "webcam", "clipboard"],
            buttons=[],
            height=260,
            min_width=200,
            elem_id="classify-picture",
        )
        eye = gr.HTML(answers.no_eye_html(), elem_id="classify-eye", apply_default_css=False, min_width=200)
    gr.HTML(quiet(say("classify.privacy")), elem_id="classify-privacy", apply_default_css=False)
    chosen = gr.HTML(
        examples.sheet_html(sheet), js_on_load=LISTEN, elem_id="classify-examples", apply_default_css=False
    )
    return picture, eye, chosen


def _radio(name: str, values: tuple[str, ...]) -> gr.Radio:
    choices = [(say(f"classify.{name}_{value}"), value) for value in values]
    return gr.Radio(
        choices, value=values[0], label=say(f"classify.{name}"), info=say(f"classify.{name}_help"),
        elem_id=f"classify-{name}", min_width=280,
    )  # fmt: skip


def _compare() -> tuple[gr.Dropdown, gr.HTML, gr.HTML]:
    """-> (the second checkpoint, both side by side, the pictures that were asked for)"""
    gr.HTML(f"<h2>{say('classify.pair')}</h2>", elem_id="classify-pair-head")
    second = gr.Dropdown(
        [], label=say("classify.pair_with"), info=say("classify.pair_help"), filterable=False,
        elem_id="classify-pair-with", min_width=280,
    )  # fmt: skip
    table = gr.HTML(js_on_load=LISTEN, elem_id="classify-pair", apply_default_css=False)
    strip = gr.HTML(js_on_load=LISTEN, elem_id="classify-pair-strip", apply_default_css=False)
    return second, table, strip


def _wire_checkpoint(
    page: Page, do: Handlers, checkpoint: gr.Dropdown, newest: gr.Button, sheet: gr.HTML, second: gr.Dropdown
) -> None:
    # The list changes as runs come and go: the key is looked up on the shelf, not among the choices of the first paint.
    checkpoint.input(guarded(do.choose), [page.hand, checkpoint], page.hand, preprocess=False, **QUIET)
    refresh = {"inputs": page.hand, "outputs": [checkpoint, newest, sheet, second], **QUIET}
    page.hand.change(guarded(do.mirror), **refresh)
    newest.click(guarded(do.mirror), **refresh)
    page.tabs.select(guarded(_if_shown(do.mirror, 4)), **refresh)


def _wire_picture(
    page: Page,
    do: Handlers,
    picture: gr.Image,
    eye: gr.HTML,
    bars: gr.HTML,
    sheet: gr.HTML,
    strip: gr.HTML,
    choices: tuple[gr.Radio, gr.Radio],
    newest: gr.Button,
) -> None:
    """Whatever changes, the answer follows."""
    triggers = [picture.change, *(choice.input for choice in choices), page.hand.change, newest.click]
    asked = [picture, *choices, page.hand]
    gr.on(triggers, guarded(in_turn(do.answer)), asked, [eye, bars], trigger_mode="always_last", **QUIET)
    bars.click(guarded(do.follow), page.hand, [page.hand, page.tabs], **QUIET)
    picture.upload(guarded(do.show_upload), picture, picture, **QUIET)
    sheet.click(guarded(do.take_example), page.hand, picture, **QUIET)
    strip.click(guarded(do.take_from_strip), page.hand, picture, **QUIET)


def _wire_why(page: Page, do: Handlers, picture: gr.Image, why: gr.HTML, choices: tuple[gr.Radio, gr.Radio]) -> None:
    why.click(guarded(do.where), [picture, *choices, page.hand], why, **INFER)
    triggers = [picture.change, *(choice.input for choice in choices), page.hand.change]
    gr.on(triggers, guarded(heat.ask_html), None, why, **QUIET)


def _wire_grades(page: Page, do: Handlers, grades: gr.HTML, strip: gr.HTML, newest: gr.Button) -> None:
    page.hand.change(guarded(do.grade), page.hand, grades, **QUIET)
    newest.click(guarded(do.grade), page.hand, grades, **QUIET)
    grades.click(guarded(do.show), page.hand, [grades, strip], show_progress_on=strip, **MEASURE)


def _wire_compare(page: Page, picture: gr.Image, strip: gr.HTML, beside: tuple[gr.Dropdown, gr.HTML, gr.HTML]) -> None:
    second, table, pictures = beside
    pairing = Pairing(page.lab)
    page.hand.change(guarded(lambda: (no_strip_html(), None, "", "")), None, [strip, *beside], **QUIET)
    second.input(
        guarded(pairing.compare),
        [page.hand, second],
        [table, pictures],
        preprocess=False,
        show_progress_on=table,
        **MEASURE,
    )
    table.click(guarded(pairing.show), [page.hand, second], pictures, preprocess=False, **MEASURE)
    pictures.click(guarded(pairing.take), [page.hand, second], picture, preprocess=False, **QUIET)


def no_strip_html() -> str:
    return quiet(say("classify.no_strip"))


def _if_shown(handler: Any, outputs: int) -> Any:
    """The handler, run only when it is this tab that was opened."""

    def run(hand: str, event: gr.SelectData) -> Any:
        is_this = event.value == say("frame.tab_classify")
        return handler(hand) if is_this else tuple(gr.skip() for _ in range(outputs))

    return run
