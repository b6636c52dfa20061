"""The Lessons tab: seven short lessons and a page for the teacher, each with one picture and something to try."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from ..lessons import texts
from ..lessons.figures import figures
from ..lessons.reading import table
from ..lessons.table import BLOCKS, GRADIENT_STEPS, GRADIENTS
from . import lesson_pictures as draw
from .asking import QUIET, SPOKEN
from .failures import guarded, notice
from .hand import Hand
from .lesson_runs import series, views_of
from .links import SETTINGS, form_of, wish_of
from .page import Page
from .strings import DEFAULT, language, say, spoken
from .words import model_title

HERE = Path(__file__).parent
SLOW: dict[str, Any] = {"concurrency_id": "lesson", "concurrency_limit": 1, "api_visibility": "private"}
WORDS = ("training", "validation", "step", "epoch", "seconds", "loss", "accuracy", "batch", "smoothed", "test")
DEPTHS = (8, 110)
RECORDED_DEPTHS = (20, 56)
MEASURED = 500  # test pictures
MINUTES = {"1": 30, "2": 4, "3": 3, "5": 6, "6": 14}


def build(page: Page) -> None:
    with gr.Row(elem_id="lessons", equal_height=False):
        with gr.Column(scale=1, min_width=200, elem_id="lesson-list"):
            titles = {key: texts.title(key, language()) for key in texts.KEYS}
            names = [(f"{key} {title}" if key.isdigit() else title, key) for key, title in titles.items()]
            choice = gr.Radio(names, value="1", label=say("lessons.list"), elem_id="lesson-choice")
        with gr.Column(scale=3, min_width=300, elem_id="lesson-words"):
            prose = gr.Markdown(words("1"), elem_id="lesson-prose")
            with gr.Row(elem_id="lesson-turn"):
                back = gr.Button(say("lessons.previous"), size="sm", interactive=False, elem_id="lesson-back")
                on = gr.Button(say("lessons.next"), size="sm", elem_id="lesson-on")
        with gr.Column(scale=4, min_width=300, elem_id="lesson-sight"):
            with gr.Row(visible=False, elem_id="lesson-gradient") as controls:
                knobs = _knobs()
            picture = gr.HTML(draw.classes(), apply_default_css=False, elem_id="lesson-picture")
            measure = gr.Button(say("lessons.measure"), visible=False, size="sm", elem_id="lesson-measure")
            curves = _curves(page)
    parts = [choice, prose, back, on, controls, picture, measure, curves]
    _wire_choice(page, parts)
    _wire_links(page, parts)
    for knob in knobs:
        knob.input(guarded(gradient_picture), knobs, picture, trigger_mode="always_last", **QUIET)
    measure.click(guarded(_measure), None, picture, **SLOW)


def _knobs() -> list[Any]:
    moments = [(say("lessons.when", n=step) if step else say("lessons.when_first"), step) for step in GRADIENT_STEPS]
    return [
        gr.Slider(*DEPTHS, value=56, step=6, label=say("lessons.depth"), elem_id="lesson-depth"),
        gr.Radio(
            [(say("lessons.norm_on"), True), (say("lessons.norm_off"), False)], value=True,
            label=say("lessons.norm"), elem_id="lesson-norm",
        ),
        gr.Radio(moments, value=0, label=say("lessons.moment"), elem_id="lesson-moment"),
    ]  # fmt: skip


def _curves(page: Page) -> gr.HTML:
    def lesson_series(asked: list[str]) -> str:
        lesson, view, run = [*map(str, asked[:3]), "", "", ""][:3]
        return series(page.lab, lesson, view, run)

    words = {key: say(f"train.{key}") for key in WORDS}
    words |= {key: say(f"lessons.{key}") for key in ("both", "own_on", "own_off")} | {"lr": say("train.rate")}
    return gr.HTML(
        curves_value("1"),
        html_template="",
        js_on_load="\n".join((HERE / name).read_text(encoding="utf-8") for name in ("curves.js", "lessons.js")),
        server_functions=[spoken(lesson_series)],
        apply_default_css=False,
        elem_id="lesson-curves",
        words=words,
    )


def words(key: str) -> str:
    """The lesson as Markdown, figures filled in; its links lead to the page of its own language."""
    lang, number = language(), f"{key}. " if key.isdigit() else ""
    body = texts.body(key, figures(key), lang).replace("](?", "](?" if lang == DEFAULT else f"](./{lang}?")
    return f"## {number}{texts.title(key, lang)}\n\n{body}"


def curves_value(key: str) -> str:
    """What lessons.js is told: the lesson, its views that were recorded, and what to say where there are none."""
    views = [[name, say(f"lessons.view_{name}")] for name in views_of(key)]
    is_missing = key in MINUTES and not figures(key)["recorded"]
    missing = say("lessons.not_recorded", lesson=key, minutes=MINUTES.get(key, 0)) if is_missing else ""
    return json.dumps({"lesson": key, "views": views, "missing": missing})


def picture_of(key: str) -> str:
    """The lesson's drawing; "" where its curves or its table are the picture."""
    if key == "1":
        return draw.classes()
    if key == "2":
        return gradient_picture(56, True, 0)
    if key == "3":
        rows = table(BLOCKS)
        return draw.blocks({model_title(row["model"]): row for row in rows.values()}) if rows else ""
    if key == "4":
        return draw.costs(figures("4"))
    return draw.normalised() if key == "5" else ""


def gradient_picture(depth: float, norm: bool, moment: int) -> str:
    """The gradients of a plain and a residual net of that depth: counted here before the first step, else recorded."""
    depth = 2 + 6 * round((min(max(float(depth), DEPTHS[0]), DEPTHS[1]) - 2) / 6)
    if not moment:
        plain, residual = (_at_start(depth, kind, bool(norm)) for kind in ("plain", "resnet"))
        return draw.gradient(plain, residual, depth)
    depth = min(RECORDED_DEPTHS, key=lambda known: abs(known - depth))
    rows = table(GRADIENTS)
    end = "" if norm else "-nonorm"
    found = {kind: _at_moment(rows.get(f"{kind}{depth}{end}", []), moment) for kind in ("plain", "resnet")}
    if not all(found.values()):
        return f"<p class='quiet'>{say('lessons.no_moment', depth=depth, n=moment)}</p>"
    drawn = draw.gradient(found["plain"], found["resnet"], depth)
    return f"{drawn}<p class='quiet'>{say('lessons.moment_depths')}</p>"


def _at_start(depth: int, kind: str, norm: bool) -> tuple[float, ...]:
    from ..gradients import at_start
    from ..lessons.table import unnormed
    from ..specs import find_model

    blocks = (depth - 2) // 6
    name = f"custom:basic-{blocks}.{blocks}.{blocks}-16.32.64-cifar-{'none' if kind == 'plain' else 'zero_pad'}"
    name = name if norm else unnormed(depth, "none" if kind == "plain" else "zero_pad")
    return at_start(find_model(name).adapted(in_channels=1)).norms


def _at_moment(moments: list[dict[str, Any]], step: int) -> list[float]:
    return next((moment["norms"] for moment in moments if moment["step"] == step), [])


def _measure(progress: gr.Progress = gr.Progress()) -> str:
    """Takes the shipped networks apart on this machine."""
    from ..checkpoint import open_checkpoint, shipped
    from ..datasets import load_data
    from ..dissect import dissect

    names = [f"{model}-fashion-mnist" for model in ("resnet20", "plain20")]
    names = [name for name in names if name in shipped()]
    images = load_data("fashion-mnist-small").test.subset(slice(0, MEASURED))
    start, rows = time.perf_counter(), {}
    for index, name in enumerate(names):
        tell = lambda share, index=index: progress((index + share) / len(names), say("lessons.measuring"))  # noqa: E731
        found = dissect(open_checkpoint(name), images, tell).as_dict()
        rows[model_title(found["model"])] = found
    said = say("lessons.measured", n=MEASURED, seconds=f"{time.perf_counter() - start:.0f}")
    return draw.blocks(rows) + f"<p class='quiet'>{said}</p>"


def shown(key: str) -> list[Any]:
    """Updates for the parts of the tab that show this lesson."""
    at = texts.KEYS.index(key)
    return [
        key, words(key), gr.update(interactive=at > 0), gr.update(interactive=at + 1 < len(texts.KEYS)),
        gr.update(visible=key == "2"), picture_of(key), gr.update(visible=key == "3"), curves_value(key),
    ]  # fmt: skip


def _wire_choice(page: Page, parts: list[Any]) -> None:
    choice, _, back, on, *_ = parts

    def choose(key: str, hand: str) -> list[Any]:
        return shown(key if key in texts.KEYS else "1")

    def turn(by: int) -> Callable[[str, str], list[Any]]:
        def turned(key: str, hand: str) -> list[Any]:
            at = texts.KEYS.index(key) + by if key in texts.KEYS else 0
            return shown(texts.KEYS[min(max(0, at), len(texts.KEYS) - 1)])

        return turned

    def arrive(key: str, hand: str) -> list[Any]:
        if key not in texts.KEYS:
            return [gr.skip()] * (1 + len(parts))
        return [gr.Tabs(selected="lessons"), *shown(key)]

    choice.input(guarded(choose), [choice, page.hand], parts, **QUIET)
    for button, by in ((back, -1), (on, 1)):
        button.click(guarded(turn(by)), [choice, page.hand], parts, **QUIET)
    page.lesson.change(guarded(arrive), [page.lesson, page.hand], [page.tabs, *parts], **QUIET)


def _wire_links(page: Page, parts: list[Any]) -> None:
    curves = parts[-1]

    def go(hand: str, event: gr.EventData) -> list[Any]:
        said, held = dict(parse_qsl(str(event.words).removeprefix("?"))), Hand.of(hand)
        if said.get("lesson") in texts.KEYS:
            return [gr.skip(), gr.skip(), gr.skip(), *shown(said["lesson"])]
        notice("lessons.filled", 6)
        return [filled(held, said), wished(said), gr.Tabs(selected="train"), *[gr.skip()] * len(parts)]

    curves.go(guarded(go), page.hand, [page.hand, page.wish, page.tabs, *parts], **SPOKEN)


def filled(hand: Hand, said: dict[str, str]) -> str:
    """The hand with a link's model and data, if the lab knows them."""
    asked = {field: said[word] for field, word in (("model", "model"), ("dataset", "data")) if word in said}
    known = Hand.of(json.dumps(asked))
    return hand.with_(**{field: getattr(known, field) for field in asked}).to_json()


def wished(said: dict[str, str]) -> str:
    """The wish that fills the form; new each time, so that the same link fills it again.

    Raises: InvalidOption.
    """
    wish = wish_of(said)
    form_of(wish)
    return json.dumps({**json.loads(wish or "{}"), "asked": time.time_ns()}) if set(said) & set(SETTINGS) else wish
