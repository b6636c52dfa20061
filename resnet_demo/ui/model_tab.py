"""The Model tab: pick a family, a depth and a shortcut, and see the network, what it costs and which one it is."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import gradio as gr

from ..specs import MODELS, ResNetSpec, find_model, is_model, plain_twin
from . import own
from .asking import QUIET
from .compare import MOST, namesakes
from .drawing import draw
from .failures import guarded
from .figures import figures_html, time_html, which_one
from .hand import Hand
from .markup import quiet
from .measuring import measured, script
from .page import Page
from .strings import say, translated
from .words import model_title

# The families as the page offers them; the notebooks' and the speed records' stand under one head.
FAMILIES = {
    "cifar": ("cifar",),
    "imagenet": ("imagenet",),
    "cifar-stem": ("cifar-stem",),
    "notebook": ("notebook", "speed"),
    "custom": ("custom",),
}
# Gradio drops container queries from style sheets, so this one travels with the drawing.
NARROW = (
    "@container (max-width: 560px) { .network .across { display: none } .network .down { display: block !important } }"
)


def build(page: Page) -> None:
    """Layout, then wiring. The view is empty until the page has loaded, when the hand fills it."""
    spec = find_model(Hand().model)
    with gr.Row(elem_id="model", equal_height=False):
        with gr.Column(scale=1, min_width=300, elem_id="model-form"):
            controls = _controls(spec)
            with gr.Group(visible=False, elem_id="model-own") as group:
                parts = own.controls()
            refusal = gr.HTML("", elem_id="own-says", apply_default_css=False)
            train = gr.Button(say("model.train"), variant="primary", elem_id="model-train")
            layers = gr.Button(say("model.see_layers"), elem_id="model-layers")
        with gr.Column(scale=3, min_width=320, elem_id="model-view"):
            picture = gr.HTML(
                "", js_on_load=script("drawing.js", "model.js"), elem_id="model-picture", apply_default_css=False
            )
            figures = measured(page, "", "model-figures", "measure.js", "figures.js")
            words = gr.HTML("", elem_id="model-words", apply_default_css=False)
            gr.HTML(f"<h2>{say('model.compare_title')}</h2>", elem_id="model-compare-title", apply_default_css=False)
            others = gr.Dropdown(
                [(model_title(name), name) for name in MODELS], value=[], multiselect=True, max_choices=MOST - 1,
                label=say("model.compare"), info=say("model.compare_help"), allow_custom_value=True,
                elem_id="model-others",
            )  # fmt: skip
            table = measured(page, "", "model-compare", "measure.js", "compare.js", html_template="")
    _wire(page, controls, train, layers, [picture, figures, words, group, *parts.values(), others, table])
    _wire_own(page, parts, refusal)
    others.input(guarded(put_beside), [page.hand, others], page.hand, **QUIET)


def _controls(spec: ResNetSpec) -> list[gr.Radio]:
    families = [(say(f"model.family_{name}"), name) for name in FAMILIES]
    switch = [(say("model.residual"), "residual"), (say("model.plain"), "plain")]
    return [
        gr.Radio(families, value=family_of(spec), label=say("model.family"), elem_id="model-family"),
        gr.Radio(depths(family_of(spec)), value=residual_name(spec), label=say("model.depth"), elem_id="model-depth"),
        gr.Radio(
            switch,
            value="residual",
            label=say("model.shortcut"),
            info=say("model.shortcut_help"),
            elem_id="model-shortcut",
        ),
    ]


def _wire(page: Page, controls: list[gr.Radio], train: gr.Button, layers: gr.Button, view: list[Any]) -> None:
    """The controls write to the hand; the hand paints everything, controls included."""
    family, depth, shortcut = controls
    family.input(guarded(take_family), [page.hand, family, shortcut], page.hand, **QUIET)
    for control in (depth, shortcut):
        control.input(guarded(take_model), [page.hand, depth, shortcut], page.hand, **QUIET)
    page.hand.change(guarded(show), page.hand, [*controls, *view], **QUIET)
    train.click(guarded(lambda: gr.Tabs(selected="train")), None, page.tabs, **QUIET)
    for see_layers in (layers.click, view[0].choose):
        see_layers(guarded(lambda: gr.Tabs(selected="layers")), None, page.tabs, **QUIET)


def _wire_own(page: Page, parts: dict[str, Any], refusal: gr.HTML) -> None:
    """Choices count at once, text when it is finished."""
    texts = [parts[name] for name in ("blocks", "widths", "classes")]
    triggers = [parts[name].input for name in ("block", "stem", "shortcut")]
    triggers += [event for text in texts for event in (text.submit, text.blur)]
    inputs, outputs = [page.hand, *parts.values()], [page.hand, refusal]
    gr.on(triggers, guarded(own.take), inputs, outputs, trigger_mode="always_last", **QUIET)
    page.hand.change(guarded(lambda: ""), None, refusal, **QUIET)


def take_family(hand: str, family: str, shortcut: str) -> str:
    """The model of that family that is most like the one in hand: of the same depth if there is one."""
    held = Hand.of(hand)
    if family == "custom":
        return held.with_(model=own.own_like(find_model(held.model)), checkpoint="").to_json()
    names = [name for _, name in depths(family)]
    depth = find_model(held.model).depth
    nearest = next((name for name in names if MODELS[name].depth == depth), names[0])
    return _take(held, nearest, shortcut)


def take_model(hand: str, name: str, shortcut: str) -> str:
    return _take(Hand.of(hand), name, shortcut)


def _take(held: Hand, name: str, shortcut: str) -> str:
    """Another model has no checkpoint in hand yet; the run on show goes on."""
    spec = find_model(name)
    if shortcut == "plain" and has_twin(spec):
        spec = plain_twin(spec)
    if spec.name == held.model:
        return held.to_json()
    return held.with_(model=spec.name, checkpoint="").to_json()


def show(hand: str) -> tuple[Any, ...]:
    """Controls, drawing, figures and words for the model in hand, the parts of an own one, and its comparison."""
    held = Hand.of(hand)
    spec = find_model(held.model)
    beside = held.beside.split("|") if held.beside else namesakes(spec)
    names = [*MODELS, *(name for name in beside if name not in MODELS)]
    return (
        *_shown_controls(spec),
        picture_html(spec),
        figures_html(spec, time_html(None, spec)),
        words_html(spec),
        gr.Group(visible=own.is_own(spec)),
        *own.shown(spec),
        gr.Dropdown([(model_title(name), name) for name in names], value=beside, multiselect=True),
        json.dumps([held.model, *beside]),
    )


def _shown_controls(spec: ResNetSpec) -> tuple[Any, ...]:
    """Family, depth and shortcut; an own network has neither of the last two."""
    if own.is_own(spec):
        return "custom", gr.Radio(visible=False), gr.Radio(visible=False)
    residual = MODELS[residual_name(spec)]
    way = gr.Radio(value="plain" if spec.is_plain else "residual", interactive=has_twin(residual), visible=True)
    return family_of(spec), gr.Radio(choices=depths(family_of(spec)), value=residual.name, visible=True), way


def put_beside(hand: str, names: list[str]) -> str:
    """Other models to compare with the one in hand; what is no model's name is left out."""
    known = [name for name in dict.fromkeys(names) if is_model(name)]
    return Hand.of(hand).with_(beside="|".join(known[: MOST - 1])).to_json()


def family_of(spec: ResNetSpec) -> str:
    return next(name for name, families in FAMILIES.items() if spec.family in families)


def depths(family: str) -> list[tuple[str, str]]:
    """What the buttons of a family say, and the residual models they stand for."""
    names = [s.name for s in MODELS.values() if s.family in FAMILIES.get(family, ()) and not s.is_plain]
    return [(say(f"model.button_{name}") if family == "notebook" else str(MODELS[name].depth), name) for name in names]


def residual_name(spec: ResNetSpec) -> str:
    return spec.name.replace("plain", "resnet")


def has_twin(spec: ResNetSpec) -> bool:
    return spec.name.replace("resnet", "plain") in MODELS


def picture_html(spec: ResNetSpec) -> str:
    """The drawing in both shapes, of which the style sheet shows the one that fits, and what to see in it."""
    note = say("draw.arcs_none" if spec.is_plain else "draw.arcs")
    ways = "".join(
        f'<div class="{way}">{draw(spec, way=way)}'
        f"<figcaption>{escape(say(f'draw.{way}'))} {escape(note)}</figcaption></div>"
        for way in ("across", "down")
    )
    name = escape(spec.name)
    save = "".join(
        f'<button type="button" data-save="{kind}" data-name="{name}">{escape(say(f"draw.{kind}"))}</button>'
        for kind in ("svg", "png")
    )
    return (
        f'<figure class="network" data-model="{name}"><style>{NARROW}</style><h2>{escape(model_title(spec.name))}</h2>'
        f'{ways}<p class="save">{save}</p></figure>'
    )


def words_html(spec: ResNetSpec) -> str:
    """The one sentence, where the network is from, and the line of Python that builds it."""
    source = say("model.source", source=translated(spec.source))
    line = f'from resnet_demo import build_model; model = build_model("{spec.name}")'
    return (
        f'<p class="which">{escape(which_one(spec))}</p>{quiet(source)}'
        f'<p class="quiet python">{escape(say("model.python"))}: <code>{escape(line)}</code></p>'
    )
